"""A policy tried on recorded requests."""

from guahao.store.migrate import run_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0021_policy_trials.sql")
