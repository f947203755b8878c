"""Applications, draws and their proofs, release modes, held and reserved places."""

from guahao.store.kernel.migrate import run_file

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0051_draws.sql")
