"""How each periodic task ran last, by the database's clock."""

from __future__ import annotations

from guahao.store.kernel.db import Tx


async def record_success(tx: Tx, name: str, seconds: float) -> None:
    """Record that a task has run to its end."""
    await tx.do(
        """
        INSERT INTO task_runs (name, succeeded_at, seconds)
        VALUES (%(name)s, now(), %(seconds)s)
        ON CONFLICT (name) DO UPDATE
        SET succeeded_at = excluded.succeeded_at, seconds = excluded.seconds
        """,
        {"name": name, "seconds": seconds},
    )


async def record_failure(tx: Tx, name: str, error: str) -> None:
    """Record that a task ended with an error, by the error's type."""
    await tx.do(
        """
        INSERT INTO task_runs (name, failed_at, error) VALUES (%(name)s, now(), %(error)s)
        ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error
        """,
        {"name": name, "error": error},
    )
