"""Log-ins of citizens that can be ended; one-time passwords bound to their request."""

from guahao.store.kernel.migrate import run_file

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0029_logins.sql")
