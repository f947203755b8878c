"""drand as an outside source of draws."""

from guahao.store.kernel.migrate import run_file

revision = "0078"
down_revision = "0077"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0078_beacons.sql")
