"""The places that a draw gave out are counted without reading all its entries.

From its entries, as the rows of `wins` are deleted 180 days after the draw.
"""

from guahao.store.kernel.migrate import create_index

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index("draw_entries_won", "ON draw_entries (draw_id, session) WHERE session IS NOT NULL")
