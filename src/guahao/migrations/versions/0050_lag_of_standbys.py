"""An archive that streams the log does not count as a standby that replays late."""

from guahao.store.kernel.migrate import run_file

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0050_lag_of_standbys.sql")
