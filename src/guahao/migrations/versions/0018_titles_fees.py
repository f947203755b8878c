"""The city's professional titles, and hospitals' fees from a date on."""

from guahao.store.kernel.migrate import run_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0018_titles_fees.sql")
