"""Call-backs: an account asks to be called."""

from guahao.store.kernel.migrate import run_file

revision = "0071"
down_revision = "0070"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0071_call_backs.sql")
