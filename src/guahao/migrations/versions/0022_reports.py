"""Reports find the days they are about."""

from guahao.store.kernel.migrate import run_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0022_reports.sql")
