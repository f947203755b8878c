"""Call-backs: an account asks to be called."""

from guahao.store.kernel.migrate import run_file

revision = "0070"
down_revision = "0069"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0070_call_backs.sql")
