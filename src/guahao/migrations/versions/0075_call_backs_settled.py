"""Calls that close because the patient did meanwhile what they were asked for."""

from guahao.store.kernel.migrate import run_file

revision = "0075"
down_revision = "0074"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0075_call_backs_settled.sql")
