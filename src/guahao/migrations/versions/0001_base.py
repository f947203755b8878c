"""The platform's own tables."""

from guahao.store.kernel.migrate import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0001_base.sql")
