"""Places of the counter list that were given to somebody."""

from guahao.store.kernel.migrate import run_file

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0061_counter_places.sql")
