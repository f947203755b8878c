"""Disputed registrations are settled by the document as it was shown."""

from guahao.store.kernel.migrate import run_file

revision = "0038"
down_revision = "0035"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0038_disputes.sql")
