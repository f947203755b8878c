"""Messages wait for the end of the quiet hours, which are of the policy."""

from guahao.store.kernel.migrate import run_file

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0035_notices.sql")
