"""What hospitals must hear of, in one log."""

from guahao.store.kernel.migrate import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0011_hospital_events.sql")
