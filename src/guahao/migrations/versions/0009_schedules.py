"""Scheduling: rules with a date, capacities, stops that can be undone."""

from guahao.store.kernel.migrate import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0009_schedules.sql")
