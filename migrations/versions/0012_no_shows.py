"""The no-show ledger: excuses, reversals, why."""

from guahao.store.migrate import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0012_no_shows.sql")
