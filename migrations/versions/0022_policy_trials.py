"""A policy tried on recorded requests."""

from guahao.store.migrate import run_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0022_policy_trials.sql")
