"""Staff know by whom and when they were last let in."""

from guahao.store.kernel.migrate import run_file

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0048_access_given.sql")
