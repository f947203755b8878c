"""The job queue's tables and functions, as the queue's library defines them.

A fresh database gets them at the installed library's state. When a release of the library brings
migrations of its own, tests/store/kernel/test_migrate.py fails: then add a migration here that
applies them where they are missing.
"""

from procrastinate.schema import SchemaManager

from guahao.store.kernel.migrate import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_sql(SchemaManager.get_schema())
