"""Announcements that can be withdrawn, departments in an order."""

from guahao.store.migrate import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0012_directory.sql")
