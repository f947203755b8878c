"""Limits over all processes, and accounts to review."""

from guahao.store.kernel.migrate import run_file

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0032_abuse.sql")
