"""Announcements that can be withdrawn, departments in an order."""

from guahao.store.kernel.migrate import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0013_directory.sql")
