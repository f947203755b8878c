"""Each return of a place is recorded with the places that were free before it, for the audit."""

from guahao.store.kernel.migrate import run_file

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0055_returns_recorded.sql")
