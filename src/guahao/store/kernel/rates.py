"""Attempts that web processes share, in windows (rules/kernel/rates.py)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from guahao.rules.kernel.rates import Share
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.vault import Vault


async def share(tx: Tx, vault: Vault, shares: Sequence[Share]) -> list[int]:
    """Add these attempts to the shared counts and return the totals, in the same order.

    Every process writes rows in the same order, so that they never deadlock.
    """
    rows = [
        {
            "place": place,
            "subject": "\\x" + vault.index("rate", f"{s.limit.name}\n{s.subject}").hex(),
            "window_number": s.window,
            "hits": s.tries,
            # A window still counts as the previous window until the next has ended.
            "expires_at": datetime.fromtimestamp((s.window + 2) * s.limit.seconds, UTC),
        }
        for place, s in enumerate(shares)
    ]
    found = await tx.rows(
        """
        WITH told AS (
            SELECT * FROM json_to_recordset(%s::json)
                AS t (place int, subject bytea, window_number bigint, hits int,
                      expires_at timestamptz)
        ), counted AS (
            INSERT INTO shared_rates AS r (subject, window_number, hits, expires_at)
            SELECT subject, window_number, hits, expires_at FROM told
            ORDER BY subject, window_number
            ON CONFLICT (subject, window_number) DO UPDATE SET hits = r.hits + excluded.hits
            RETURNING subject, window_number, hits
        )
        SELECT t.place, c.hits FROM told t JOIN counted c USING (subject, window_number)
        ORDER BY t.place
        """,
        (recordset(rows),),
    )
    return [row[1] for row in found]


async def purge(tx: Tx) -> int:
    """Delete the windows that are no longer read; return how many."""
    return await tx.do("DELETE FROM shared_rates WHERE expires_at < now()")
