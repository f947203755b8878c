"""Check the constraints of held places on the sessions that were there."""

from guahao.store.kernel.migrate import run_file

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0052_held_places_checked.sql")
