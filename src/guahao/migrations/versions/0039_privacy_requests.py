"""Two members of staff decide on export and erasure; erased persons name their HMACs' key."""

from guahao.store.kernel.migrate import run_file

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0039_privacy_requests.sql")
