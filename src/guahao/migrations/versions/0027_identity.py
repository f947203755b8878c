"""One person, one identity: the canonical key, when and how a person was checked."""

from collections import defaultdict
from datetime import UTC, datetime

import psycopg
from alembic import op

from guahao.rules.people.documents import canonical_person
from guahao.store.kernel import migrate
from guahao.store.kernel.migrate import migration_vault, run_file, run_sql

revision = "0027"
down_revision = "0026"

_FINISH = """
    SET CONSTRAINTS ALL IMMEDIATE;  -- a table with checks to come cannot be altered
    ALTER TABLE patients ALTER COLUMN person_index SET NOT NULL;
    -- One current registration a person, under whichever document.
    CREATE UNIQUE INDEX patients_person_current ON patients (person_index)
        WHERE displaced_at IS NULL AND merged_into IS NULL;
    CREATE INDEX patients_by_person ON patients (person_index);
"""


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0027_identity.sql")
    connection = _connection()
    _index_persons(connection)
    # Who has once picked up with the document in hand is checked.
    connection.execute(
        """
        UPDATE patients p SET checked_at = first.at, checked_by = 'pickup'
        FROM (SELECT patient_id, min(changed_at) AS at FROM appointments
              WHERE status = 'picked_up' GROUP BY patient_id) first
        WHERE first.patient_id = p.id
        """
    )
    _merge(connection, datetime.now(UTC))
    run_sql(_FINISH)


def _connection() -> psycopg.Connection:
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _index_persons(connection: psycopg.Connection) -> None:
    """Fill person_index from the sealed numbers, by id."""
    after = 0
    while True:
        rows = connection.execute(
            "SELECT id, id_no_enc FROM patients WHERE id > %s ORDER BY id LIMIT %s",
            (after, migrate.ENCRYPTED_AT_ONCE),
        ).fetchall()
        if not rows:
            return
        vault = migration_vault()
        indexed = []
        for id, id_no_enc in rows:
            number = vault.open("patients", "id_no", id, id_no_enc)
            indexed.append((id, vault.index("person", canonical_person(number))))
        connection.execute(
            """
            UPDATE patients p SET person_index = n.person_index
            FROM unnest(%s::bigint[], %s::bytea[]) n (id, person_index) WHERE p.id = n.id
            """,
            ([id for id, _ in indexed], [index for _, index in indexed]),
        )
        after = rows[-1][0]


def _merge(connection: psycopg.Connection, now: datetime) -> None:
    """Let the registrations of each person that has several count as one.

    The survivor is the registration that showed the document at a window, else that of a resident
    ID or household register, else the oldest.
    """
    rows = connection.execute(
        """
        SELECT person_index, id FROM patients
        WHERE person_index IN (SELECT person_index FROM patients
                               GROUP BY person_index HAVING count(*) > 1)
        ORDER BY checked_at IS NULL, id_type NOT IN ('01', '02'), id
        """
    ).fetchall()
    persons: defaultdict[bytes, list[int]] = defaultdict(list)
    for person_index, id in rows:
        persons[person_index].append(id)
    pairs = [(id, ids[0]) for ids in persons.values() for id in ids[1:]]
    merged, survivors = [id for id, _ in pairs], [id for _, id in pairs]
    connection.execute(
        """
        INSERT INTO person_merges (patient_id, survivor_id, account_id, why, merged_at)
        SELECT n.id, n.survivor_id, p.account_id, 'migration', %s
        FROM unnest(%s::bigint[], %s::bigint[]) n (id, survivor_id) JOIN patients p USING (id)
        """,
        (now, merged, survivors),
    )
    connection.execute(
        """
        UPDATE patients p SET merged_into = m.survivor_id, phone_slot = NULL
        FROM person_merges m WHERE m.patient_id = p.id
        """
    )
    # Until the worker has derived the suspensions anew from all no-shows (settle_merges).
    connection.execute(
        """
        UPDATE patients p SET suspended_until = greatest(p.suspended_until, m.until)
        FROM (SELECT survivor_id, max(suspended_until) AS until
              FROM person_merges JOIN patients ON id = patient_id GROUP BY survivor_id) m
        WHERE m.survivor_id = p.id
        """
    )
