"""Imports of sessions and timetables from a file."""

from guahao.store.kernel.migrate import run_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0015_supply_imports.sql")
