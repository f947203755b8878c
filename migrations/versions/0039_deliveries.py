"""Messages know when they are due, and jobs are found by polling instead of NOTIFY."""

from alembic import op

from guahao.store.migrate import run_file, run_sql

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0039_deliveries.sql")
    # Without blocking the bookings that write messages. An interrupted build leaves an invalid
    # index, so the next attempt begins by dropping it.
    with op.get_context().autocommit_block():
        run_sql("DROP INDEX CONCURRENTLY IF EXISTS messages_due")
        run_sql(
            "CREATE INDEX CONCURRENTLY messages_due ON messages (coalesce(due_at, created_at))"
            " WHERE state = 'queued'"
        )
        run_sql("DROP INDEX CONCURRENTLY IF EXISTS messages_due_at_once")
        run_sql(
            "CREATE INDEX CONCURRENTLY messages_due_at_once ON messages (created_at)"
            " WHERE state = 'queued' AND expires_at IS NOT NULL"
        )
