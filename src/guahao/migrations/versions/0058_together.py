"""The other patient of two who were booked in one request."""

from guahao.store.kernel.migrate import run_file

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0058_together.sql")
