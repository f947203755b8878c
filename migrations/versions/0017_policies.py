"""The platform's policy from a date on."""

from guahao.store.migrate import run_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0017_policies.sql")
