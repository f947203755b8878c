"""The no-show ledger: excuses, reversals, why."""

from guahao.store.kernel.migrate import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0010_no_shows.sql")
