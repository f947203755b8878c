"""The application may ask for the size of its database, also where PUBLIC may not connect."""

from guahao.store.kernel.migrate import run_file

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0049_database_bytes.sql")
