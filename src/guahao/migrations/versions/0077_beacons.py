"""drand as an outside source of draws."""

from guahao.store.kernel.migrate import run_file

revision = "0077"
down_revision = "0076"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0077_beacons.sql")
