"""The queue of a clinic session on its day: numbers, time ranges, calls, notices."""

from guahao.store.kernel.migrate import run_file

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0066_queues.sql")
