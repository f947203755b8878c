"""An application loses at most one draw a day: the long waits are told from the short ones."""

from guahao.store.kernel.migrate import run_file

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0060_losses_by_day.sql")
