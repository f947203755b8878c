"""Persons move to another phone; landlines; corrections by staff."""

from guahao.store.kernel.migrate import run_file

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0030_moves.sql")
