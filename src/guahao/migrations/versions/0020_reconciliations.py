"""Hospitals' own lists of bookings beside ours, and in what they differed."""

from guahao.store.kernel.migrate import run_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0020_reconciliations.sql")
