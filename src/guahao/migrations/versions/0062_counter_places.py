"""Places of the counter list that were given to somebody."""

from guahao.store.kernel.migrate import run_file

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0062_counter_places.sql")
