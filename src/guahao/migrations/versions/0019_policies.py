"""The platform's policy from a date on."""

from guahao.store.kernel.migrate import run_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0019_policies.sql")
