"""How often something was tried, counted in PostgreSQL in fixed windows.

A scope has one window length. Windows begin on the city's clock: a day's at midnight.
Whoever refuses after a hit must still commit, or the refused try goes uncounted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx

_KEPT = timedelta(days=2)


async def hit(tx: Tx, scope: str, subject: bytes, window_seconds: int) -> int:
    """Count one try in the window that contains now; the tries in it so far, this one too.

    `subject` is an HMAC. The row stays locked until the transaction ends, so that
    transactions of one subject come one after another.
    """
    row = await tx.row(
        """
        INSERT INTO throttle_counts AS t (scope, subject, window_start, hits)
        VALUES (%s, %s, %s, 1)
        ON CONFLICT (scope, subject, window_start) DO UPDATE SET hits = t.hits + 1
        RETURNING hits
        """,
        (scope, subject, _window_start(tx.now, window_seconds)),
    )
    return int(row[0]) if row else 0


async def hits(tx: Tx, scope: str, subject: bytes, window_seconds: int) -> int:
    """Return the tries counted in the window that contains now, without counting or locking."""
    row = await tx.row(
        "SELECT hits FROM throttle_counts WHERE scope = %s AND subject = %s AND window_start = %s",
        (scope, subject, _window_start(tx.now, window_seconds)),
    )
    return int(row[0]) if row else 0


async def forgive(tx: Tx, scope: str, subject: bytes, window_seconds: int) -> None:
    """Take back one hit of the window that contains now."""
    await tx.do(
        """
        UPDATE throttle_counts SET hits = hits - 1
        WHERE scope = %s AND subject = %s AND window_start = %s AND hits > 0
        """,
        (scope, subject, _window_start(tx.now, window_seconds)),
    )


async def purge(tx: Tx) -> int:
    """Remove windows that began more than two days ago; how many counts went."""
    return await tx.do("DELETE FROM throttle_counts WHERE window_start < %s", (tx.now - _KEPT,))


def seconds_left(now: datetime, window_seconds: int) -> int:
    """Whole seconds until the next window begins; at least 1."""
    return window_seconds - _city_seconds(now) % window_seconds


def _window_start(now: datetime, window_seconds: int) -> datetime:
    past = _city_seconds(now) % window_seconds
    return now.replace(microsecond=0) - timedelta(seconds=past)


def _city_seconds(now: datetime) -> int:
    """Seconds by the city's clock since a midnight long ago."""
    offset = now.utcoffset() or timedelta(0)
    return int((now.timestamp() + offset.total_seconds()) // 1)
