"""A hospital's information system: who it is, what it may do, what it called; its own ids."""

from guahao.store.kernel.migrate import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0012_hospital_clients.sql")
