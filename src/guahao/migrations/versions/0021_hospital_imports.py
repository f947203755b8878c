"""Files of hospitals that an administrator has uploaded."""

from guahao.store.kernel.migrate import run_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0021_hospital_imports.sql")
