"""Merged registrations whose person's suspension is yet to be derived from all no-shows."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.store.kernel.db import Tx


async def unsettled_survivors(tx: Tx, limit: int) -> list[int]:
    """Return the current registrations of persons with merges to settle, by id."""
    rows = await tx.rows(
        """
        SELECT DISTINCT survivor_id FROM person_merges WHERE settled_at IS NULL
        ORDER BY survivor_id LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [survivor_id for (survivor_id,) in rows]


async def settle(tx: Tx, survivor_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Mark the merges into locked persons as settled: the merged registrations and survivors.

    Without those that another worker has settled meanwhile.
    """
    rows = await tx.rows(
        """
        UPDATE person_merges SET settled_at = %(now)s
        WHERE survivor_id = ANY(%(ids)s::bigint[]) AND settled_at IS NULL
        RETURNING patient_id, survivor_id
        """,
        {"now": tx.now, "ids": list(survivor_ids)},
    )
    return [(patient_id, survivor_id) for patient_id, survivor_id in rows]
