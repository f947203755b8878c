"""Telling hospitals by webhook."""

from guahao.store.kernel.migrate import run_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0016_webhooks.sql")
