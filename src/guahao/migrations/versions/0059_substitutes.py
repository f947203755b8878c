"""Stops where a substitute sees the patients, and their bookings."""

from guahao.store.kernel.migrate import run_file

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0059_substitutes.sql")
