"""Proofs of work that were handed in."""

from guahao.store.kernel.migrate import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0003_proofs.sql")
