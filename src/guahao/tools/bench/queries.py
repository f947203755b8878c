"""The statements of the benches: people, clinics, counts."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_index

HOT_SESSION = 1  # the session that everybody wants

_HOSPITALS = """
    INSERT INTO hospitals (code, name, grade, district)
    SELECT 'B' || n, '压测医院' || n, '三级甲等', '城东区' FROM generate_series(1, 146) n
"""
_DEPARTMENTS = """
    INSERT INTO departments (hospital_id, code, name)
    SELECT h.id, 'D' || n, '科室' || n FROM hospitals h, generate_series(1, 20) n ORDER BY h.id, n
"""
# Spread over two months, so that a person's few bookings stay within the limits.
_SESSIONS = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity)
    SELECT d.hospital_id, d.id, '主任医师', %s::date + 2 + ((d.id * 7 + n) %% 60)::int, 'morning',
           8000, CASE WHEN d.id = 1 AND n = 0 THEN 100000000 ELSE 1000 END
    FROM departments d, generate_series(0, %s - 1) n ORDER BY d.id, n
"""
_ACCOUNTS = """
    INSERT INTO accounts (id, phone_enc, phone_index, created_at)
    SELECT n, '', int8send(n), %s FROM generate_series(1, %s) n
"""
# Each log-in has its account's number, like the bench's tokens.
LOGINS = """
    INSERT INTO log_ins (id, account_id, generation, door, created_at, last_seen_at, expires_at,
                         confirmed_at)
    SELECT id, id, 1, 'api', %s, %s, %s::timestamptz + interval '1 day', %s FROM accounts
"""
_PATIENTS = """
    COPY patients (id, account_id, phone_slot, name_enc, id_type, id_no_enc, id_no_index,
                   person_index, created_at) FROM STDIN
"""
# The last persons have the existing bookings; the first persons book.
_LIVE = """
    WITH made AS (
        INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, channel, code_enc, code_index, booked_at,
                                  changed_at)
        SELECT p.id, s.id, s.hospital_id, s.department_id, s.visit_date, 'api',
               '', sha256(int8send(row_number() OVER ())), %s, %s
        FROM (SELECT id FROM patients ORDER BY id DESC LIMIT %s) p
        JOIN clinic_sessions s ON s.id = 2 + p.id * 37 %% (SELECT max(id) - 2 FROM clinic_sessions)
        RETURNING clinic_session_id
    )
    UPDATE clinic_sessions s SET booked = s.booked + n.places
    FROM (SELECT clinic_session_id, count(*) AS places FROM made GROUP BY 1) n
    WHERE s.id = n.clinic_session_id
"""


async def found_city(tx: Tx, sessions_a_department: int, persons: int) -> None:
    """Create 146 hospitals of 20 departments, and an account for every person."""
    await tx.do(_HOSPITALS)
    await tx.do(_DEPARTMENTS)
    await tx.do(_SESSIONS, (tx.now.date(), sessions_a_department))
    await found_people(tx, persons)


async def found_people(tx: Tx, persons: int) -> None:
    """Create the accounts 1 to `persons`, each logged in."""
    await tx.do(_ACCOUNTS, (tx.now, persons))
    await tx.do(LOGINS, (tx.now, tx.now, tx.now, tx.now))


async def found_hospital(tx: Tx) -> int:
    """Create an empty hospital and return its id."""
    row = await tx.row(
        "INSERT INTO hospitals (code, name, grade, district)"
        " VALUES ('B', '压测医院', '三级甲等', '城东区') RETURNING id"
    )
    assert row is not None
    return int(row[0])


async def add_persons(tx: Tx, vault: Vault, persons: int) -> None:
    """Encrypt and copy persons 1 to `persons`, each with the account of the same number."""
    await copy_rows(tx, _PATIENTS, (_person(tx, vault, n) for n in range(1, persons + 1)))


def _person(tx: Tx, vault: Vault, person: int) -> tuple[object, ...]:
    id_no = f"B{person:08d}"
    name_enc = vault.seal("patients", "name", person, "压测人")
    id_no_enc = vault.seal("patients", "id_no", person, id_no)
    indexes = (vault.index("id_no", id_no), person_index(vault, id_no))
    return (person, person, 1, name_enc, "03", id_no_enc, *indexes, tx.now)


async def add_live_appointments(tx: Tx, appointments: int) -> None:
    """Add an existing booking for each of the last persons."""
    await tx.do(_LIVE, (tx.now, tx.now, appointments))


async def count_appointments(tx: Tx) -> int:
    """Count the committed bookings."""
    row = await tx.row("SELECT count(*) FROM appointments")
    assert row is not None
    return int(row[0])


async def last_session(tx: Tx) -> int:
    """Return the last session's id; ids begin at 1."""
    row = await tx.row("SELECT max(id) FROM clinic_sessions")
    assert row is not None
    return int(row[0])


async def set_places(tx: Tx, session_ids: Sequence[int], places: int) -> None:
    """Set the places of each of these sessions."""
    await tx.do(
        "UPDATE clinic_sessions SET capacity = %s WHERE id = ANY(%s::bigint[])",
        (places, list(session_ids)),
    )


async def places_sold(tx: Tx, session_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return each session, its counter, and its bookings by different persons."""
    rows = await tx.rows(
        """
        SELECT s.id, s.booked, count(DISTINCT a.patient_id)
        FROM clinic_sessions s LEFT JOIN appointments a ON a.clinic_session_id = s.id
        WHERE s.id = ANY(%s::bigint[]) GROUP BY s.id ORDER BY s.id
        """,
        (list(session_ids),),
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def backend(tx: Tx) -> int:
    """Return the process id of the server's process for this connection."""
    row = await tx.row("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])
