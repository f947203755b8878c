"""Rescheduling: what a request gives up, and which booking took the place of which."""

from guahao.store.kernel.migrate import run_file

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0065_reschedules.sql")
