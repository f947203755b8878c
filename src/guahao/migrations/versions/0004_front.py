"""Search keys of hospitals and departments; announcements."""

from alembic import op
from sqlalchemy import text

from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.migrate import run_file

revision = "0004"
down_revision = "0003"


# What is in the directory already is found by pinyin, too.
_NAMES = {
    "SELECT DISTINCT name FROM hospitals": (
        "UPDATE hospitals SET search_keys = :keys WHERE name = :name"
    ),
    "SELECT DISTINCT name FROM departments": (
        "UPDATE departments SET search_keys = :keys WHERE name = :name"
    ),
}


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0004_front.sql")
    connection = op.get_bind()
    for query, update in _NAMES.items():
        names = connection.execute(text(query)).scalars().all()
        if names:
            rows = [{"name": name, "keys": search_keys(name)} for name in names]
            connection.execute(text(update), rows)
