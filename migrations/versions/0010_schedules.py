"""Scheduling: rules with a date, capacities, stops that can be undone."""

from guahao.store.migrate import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0010_schedules.sql")
