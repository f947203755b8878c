"""Messages by more than one channel, delivery receipts, reminders."""

from guahao.store.kernel.migrate import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0006_channels.sql")
