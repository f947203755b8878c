"""Consent, erasure, retention; codes and reasons encrypted."""

from guahao.store.migrate import run_file

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0033_privacy.sql")
