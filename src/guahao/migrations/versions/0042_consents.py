"""Accounts consent to a version of the notice; privacy requests expire."""

from guahao.store.kernel.migrate import run_file

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0042_consents.sql")
