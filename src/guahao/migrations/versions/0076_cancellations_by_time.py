"""Cancellations are found by their time: for the swap index, which the city's overview shows."""

from guahao.store.kernel.migrate import create_index

revision = "0076"
down_revision = "0075"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index(
        "appointments_cancelled", "ON appointments (changed_at) WHERE status = 'cancelled'"
    )
