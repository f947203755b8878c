"""A caller's earlier calls are found by an index."""

from guahao.store.kernel.migrate import create_index

revision = "0074"
down_revision = "0073"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index("calls_by_account", "ON calls (account_id, id)")
