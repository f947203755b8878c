"""Bookings that wait to be confirmed."""

from guahao.store.migrate import run_file

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0024_unverified.sql")
