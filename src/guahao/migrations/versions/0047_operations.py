"""What the platform knows of its own operation: backups, tasks, measurements, maintenance."""

from guahao.store.kernel.migrate import run_file

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0047_operations.sql")
