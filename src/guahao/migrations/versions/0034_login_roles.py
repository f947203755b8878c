"""The roles that the processes log in as."""

from guahao.store.kernel.migrate import run_file

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0034_login_roles.sql")
