"""Holidays and swapped working days, corrected by the city and by hospitals."""

from guahao.store.kernel.migrate import run_file

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0067_calendar.sql")
