"""Calls of people who are not registered."""

from guahao.store.kernel.migrate import run_file

revision = "0077"
down_revision = "0076"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0077_calls_without_account.sql")
