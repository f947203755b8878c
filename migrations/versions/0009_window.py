"""The hospital's window."""

from guahao.store.migrate import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0009_window.sql")
