"""Bookings of the staff by their time, for what the trail may lack."""

from guahao.store.kernel.migrate import run_file

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0024_staff_bookings.sql")
