"""A return remembers what its session was: the audit decides about it again."""

from guahao.store.kernel.migrate import run_file

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0064_returns_as_they_were.sql")
