"""What came of a call, and a note for the next agent."""

from guahao.store.kernel.migrate import run_file

revision = "0072"
down_revision = "0071"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0072_call_results.sql")
