"""One person, one identity: the canonical key, when and how a person was checked."""

from guahao.store.migrate import run_file

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0027_identity.sql")
