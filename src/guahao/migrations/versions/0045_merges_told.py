"""A settled merge is told to the accounts; a dispute may merge registrations."""

from guahao.store.kernel.migrate import run_file

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0045_merges_told.sql")
