"""Each return of a place is recorded with the places that were free before it, for the audit."""

from guahao.store.kernel.migrate import run_file

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0056_returns_recorded.sql")
