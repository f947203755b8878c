"""Call-backs: an account asks to be called."""

from guahao.store.kernel.migrate import run_file

revision = "0069"
down_revision = "0068"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0069_call_backs.sql")
