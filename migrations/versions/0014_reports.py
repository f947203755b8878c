"""What the reports are counted from."""

from guahao.store.migrate import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0014_reports.sql")
