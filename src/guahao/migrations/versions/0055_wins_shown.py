"""Wins, as a hospital's staff see their bookings."""

from guahao.store.kernel.migrate import run_file

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0055_wins_shown.sql")
