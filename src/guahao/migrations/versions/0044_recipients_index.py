"""Phones that codes were sent to before they had an account are found to be forgotten a day later.

An index of a large table: built while messages are written.
"""

from guahao.store.kernel.migrate import create_index

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index(
        "messages_with_recipient",
        "ON messages (changed_at) WHERE account_id IS NULL AND length(to_enc) > 0",
    )
