"""The index of cancelled and stopped appointments by patient is part of that of all."""

from guahao.store.kernel.migrate import drop_index

revision = "0080"
down_revision = "0079"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    drop_index("appointments_freed")
