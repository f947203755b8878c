"""Whoever's excuse is withdrawn, or whose suspension is eased, is told."""

from guahao.store.kernel.migrate import run_file

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0026_told_of_excuses.sql")
