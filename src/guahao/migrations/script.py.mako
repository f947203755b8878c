"""${message}."""

from guahao.store.migrate import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("${up_revision}_NAME.sql")
