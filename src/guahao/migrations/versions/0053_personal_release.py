"""Personal release moments: a policy, on for new cities only."""

from guahao.store.kernel.migrate import run_file

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0053_personal_release.sql")
