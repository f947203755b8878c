"""Merged registrations whose person's suspension is yet to be derived from all no-shows."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.store.kernel.db import Tx


async def unsettled_survivors(tx: Tx, limit: int) -> list[int]:
    """Return the current registrations of persons with merges to settle, by id."""
    rows = await tx.rows(
        """
        SELECT DISTINCT survivor_id FROM person_merges WHERE settled_at IS NULL
        ORDER BY survivor_id LIMIT %s
        """,
        (limit,),
    )
    return [row[0] for row in rows]


async def settle(tx: Tx, survivor_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Mark the merges into locked persons as settled: the merged registrations and survivors.

    Without those that another worker has settled meanwhile.
    """
    rows = await tx.rows(
        """
        UPDATE person_merges SET settled_at = %s
        WHERE survivor_id = ANY(%s::bigint[]) AND settled_at IS NULL
        RETURNING patient_id, survivor_id
        """,
        (tx.now, list(survivor_ids)),
    )
    return [(row[0], row[1]) for row in rows]
