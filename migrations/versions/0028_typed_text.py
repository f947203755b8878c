"""Names and search keys, normalised by one function."""

from guahao.store.migrate import run_file

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0028_typed_text.sql")
