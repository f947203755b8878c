"""Messages know when they are due, and jobs are found by polling instead of NOTIFY."""

from guahao.store.kernel.migrate import run_file

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0040_deliveries.sql")
