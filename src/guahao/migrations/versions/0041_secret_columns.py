"""Secrets are read and written under a role of their own."""

from guahao.store.kernel.migrate import run_file

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0041_secret_columns.sql")
