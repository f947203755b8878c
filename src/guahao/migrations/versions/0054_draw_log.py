"""The moment of a draw's rules, outside values that came later, the end of the log."""

from guahao.store.kernel.migrate import run_file

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0054_draw_log.sql")
