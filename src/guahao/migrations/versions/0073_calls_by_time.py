"""The calls of a day are found by an index: for the supervisor's overview and for retention."""

from guahao.store.kernel.migrate import create_index

revision = "0073"
down_revision = "0072"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index("calls_by_time", "ON calls (opened_at)")
