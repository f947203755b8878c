"""The audit compares the times of bookings with the database's clock."""

from guahao.store.kernel.migrate import run_file

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0043_recorded_times.sql")
