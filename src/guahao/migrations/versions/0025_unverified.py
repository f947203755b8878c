"""Bookings that wait to be confirmed."""

from guahao.store.kernel.migrate import run_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0025_unverified.sql")
