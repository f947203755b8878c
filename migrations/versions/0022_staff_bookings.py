"""Bookings of the staff by their time, for what the trail may lack."""

from guahao.store.migrate import run_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0022_staff_bookings.sql")
