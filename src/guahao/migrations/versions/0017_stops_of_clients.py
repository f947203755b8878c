"""A hospital's own system stops sessions, too."""

from guahao.store.kernel.migrate import run_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0017_stops_of_clients.sql")
