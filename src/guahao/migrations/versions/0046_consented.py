"""Accounts know the version of the notice that their owners consented to before."""

from guahao.store.kernel.migrate import run_file

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0046_consented.sql")
