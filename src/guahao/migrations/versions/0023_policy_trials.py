"""A policy tried on recorded requests."""

from guahao.store.kernel.migrate import run_file

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0023_policy_trials.sql")
