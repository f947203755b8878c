"""The Official Account on WeChat."""

from guahao.store.kernel.migrate import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0005_wechat.sql")
