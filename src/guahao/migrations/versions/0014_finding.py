"""What is looked for among millions has its index."""

from guahao.store.kernel.migrate import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0014_finding.sql")
