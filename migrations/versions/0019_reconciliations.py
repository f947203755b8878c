"""Hospitals' own lists of bookings beside ours, and in what they differed."""

from guahao.store.migrate import run_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0019_reconciliations.sql")
