"""Staff, their sessions, the audit trail, and a hospital's own rows."""

from guahao.store.kernel.migrate import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0007_staff.sql")
