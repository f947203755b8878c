"""A receiver of the write-ahead log that keeps up is not behind, although it replays nothing."""

from guahao.store.migrate import run_file

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0050_standby_lag.sql")
