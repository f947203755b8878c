"""What a hospital may see of the places that it offers to patients of a stopped clinic."""

from guahao.store.kernel.migrate import run_file

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0057_replacing.sql")
