"""The call centre: finding a caller, verifying them, calling who was not reached."""

from guahao.store.kernel.migrate import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0008_calls.sql")
