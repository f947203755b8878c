"""Stops where a substitute sees the patients, and their bookings."""

from guahao.store.kernel.migrate import run_file

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0063_substitutes.sql")
