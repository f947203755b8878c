"""Names and search keys, normalised by one function (docs/decisions/0021); hidden rows."""

import sqlalchemy as sa
from alembic import op

from guahao.rules.kernel.text import NameFault, name_key, person_name, typed
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.migrate import migration_vault, run_sql

revision = "0028"
down_revision = "0027"

_BATCH = 1000
_NAMES = {
    "SELECT DISTINCT name, district FROM hospitals": (
        "UPDATE hospitals SET search_keys = :search_keys"
        " WHERE name = :name AND district = :district"
    ),
    "SELECT DISTINCT name FROM departments": (
        "UPDATE departments SET search_keys = :search_keys WHERE name = :name"
    ),
}
_PATIENTS = sa.text(
    "SELECT id, name_enc FROM patients WHERE id > :after ORDER BY id LIMIT :batch FOR UPDATE"
)
_RENAME = sa.text("UPDATE patients SET name_enc = :name_enc, name_index = :index WHERE id = :id")
_REINDEX = sa.text("UPDATE patients SET name_index = :index WHERE id = :id")


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_sql(
        "ALTER TABLE supply_imports ADD COLUMN include_hidden boolean NOT NULL DEFAULT false;"
        "ALTER TABLE hospital_imports ADD COLUMN include_hidden boolean NOT NULL DEFAULT false;"
    )
    _respell()
    _rename_patients()


def _respell() -> None:
    """Fill the search keys again: every reading of a character, districts too."""
    connection = op.get_bind()
    for select, update in _NAMES.items():
        for row in connection.execute(sa.text(select)).mappings().all():
            keys = search_keys(*row.values())
            connection.execute(sa.text(update), {**row, "search_keys": keys})


def _rename_patients() -> None:
    """Store every patient's name as it would be stored today, and index its key."""
    connection = op.get_bind()
    after = 0
    while True:
        rows = connection.execute(_PATIENTS, {"after": after, "batch": _BATCH}).all()
        if not rows:
            return
        vault = migration_vault()
        renamed, reindexed = [], []
        for patient_id, name_enc in rows:
            written = vault.open("patients", "name", patient_id, bytes(name_enc))
            found = person_name(written)
            # A name that would be refused today stays as it is until staff correct it.
            name = written if isinstance(found, NameFault) else found
            index = vault.index("name", name_key(typed(name)))
            if name == written:
                reindexed.append({"id": patient_id, "index": index})
            else:
                sealed = vault.seal("patients", "name", patient_id, name)
                renamed.append({"id": patient_id, "index": index, "name_enc": sealed})
        if renamed:
            connection.execute(_RENAME, renamed)
        if reindexed:
            connection.execute(_REINDEX, reindexed)
        after = rows[-1][0]
