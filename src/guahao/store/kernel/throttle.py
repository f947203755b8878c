"""Count attempts in PostgreSQL, in fixed windows.

A scope has a single window length. Windows follow the city's clock: a day's window begins at
midnight. A flow that refuses after a hit must still commit, or the attempt is not counted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx

_KEPT = timedelta(days=2)


async def hit(tx: Tx, scope: str, subject: bytes, window_seconds: int) -> int:
    """Count an attempt in the current window and return the window's total.

    `subject` is an HMAC. The row stays locked until the transaction ends, which serialises the
    transactions of a subject.
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
    """Return the attempts in the current window, without counting or locking."""
    row = await tx.row(
        "SELECT hits FROM throttle_counts WHERE scope = %s AND subject = %s AND window_start = %s",
        (scope, subject, _window_start(tx.now, window_seconds)),
    )
    return int(row[0]) if row else 0


async def forgive(tx: Tx, scope: str, subject: bytes, window_seconds: int) -> None:
    """Uncount a hit of the current window."""
    await tx.do(
        """
        UPDATE throttle_counts SET hits = hits - 1
        WHERE scope = %s AND subject = %s AND window_start = %s AND hits > 0
        """,
        (scope, subject, _window_start(tx.now, window_seconds)),
    )


async def purge(tx: Tx) -> int:
    """Delete windows that began more than two days ago; return how many."""
    return await tx.do("DELETE FROM throttle_counts WHERE window_start < %s", (tx.now - _KEPT,))


def seconds_left(now: datetime, window_seconds: int) -> int:
    """Return the whole seconds until the next window begins, at least 1."""
    return window_seconds - _city_seconds(now) % window_seconds


def _window_start(now: datetime, window_seconds: int) -> datetime:
    past = _city_seconds(now) % window_seconds
    return now.replace(microsecond=0) - timedelta(seconds=past)


def _city_seconds(now: datetime) -> int:
    """Return the seconds by the city's clock since a midnight long ago."""
    offset = now.utcoffset() or timedelta(0)
    return int((now.timestamp() + offset.total_seconds()) // 1)
