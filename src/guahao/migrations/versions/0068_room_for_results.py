"""Pages of entries and applications keep room for their results."""

from guahao.store.kernel.migrate import run_file

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0068_room_for_results.sql")
