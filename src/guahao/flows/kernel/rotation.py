"""Rotate the secret key while the platform runs; a restart continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import psycopg

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import SYSTEM
from guahao.store.kernel import rotation as store
from guahao.store.people import erasing
from guahao.store.staff import trail

Progress = Callable[[str, int, int], None]  # table and column, rows done, rows in total


@dataclass(slots=True)
class Rotated:
    """The result of a rotation.

    `failed`: rows that no key decrypts, or that conflict with a newer row of the same person.
    `erased_persons`: persons with HMACs under an old key, because their document is no longer
    stored; `erased_until`: the day by which the nightly job will have deleted them all.
    """

    values: int = 0
    failed: dict[str, list[int]] = field(default_factory=dict)
    erased_persons: int = 0
    erased_until: date | None = None


async def rotate(platform: Platform, progress: Progress = lambda *_: None) -> Rotated:
    """Encrypt with the current key, and index, what an earlier key encrypted.

    Each batch is a transaction of its own and locks rows of a single table, in order. Later
    entries of the audit trail get a new key.
    """
    vault, done = platform.vault, Rotated()
    for sealed in store.SEALED:
        name = f"{sealed.table}.{sealed.column}"
        async with platform.db.transaction() as tx:
            total = await store.left(tx, sealed, vault.key_id)
        at, count = -(2**63), 0
        while True:
            last, failed = await _batch(platform, sealed, at)
            if failed:
                done.failed.setdefault(name, []).extend(failed)
            if last is None:
                break
            at, count = last, count + store.AT_ONCE
            progress(name, min(count, total), total)
        done.values += total - len(done.failed.get(name, []))
    if done.values:
        async with platform.db.transaction() as tx:
            await trail.begin_key(tx, vault)
        detail = {"values": done.values, "failed": sum(map(len, done.failed.values()))}
        async with acting(platform, SYSTEM) as act:
            await act.record("rotate_keys", detail=detail)
    async with platform.db.transaction() as tx:
        left = await erasing.indexes_of_other_keys(tx, vault.key_id)
    done.erased_persons, done.erased_until = left
    return done


async def _batch(
    platform: Platform, sealed: store.Sealed, after: int
) -> tuple[int | None, list[int]]:
    """Rotate a batch; if a row fails, leave out that row only."""
    vault = platform.vault
    try:
        async with platform.db.transaction() as tx:
            return await store.rotate_batch(tx, vault, sealed, after)
    except psycopg.errors.UniqueViolation:
        pass  # a row of the batch fails; find it
    failed: list[int] = []
    at = after
    for _ in range(store.AT_ONCE):
        try:
            async with platform.db.transaction() as tx:
                last, unopened = await store.rotate_batch(tx, vault, sealed, at, limit=1)
            failed += unopened
        except psycopg.errors.UniqueViolation:
            async with platform.db.transaction() as tx:
                last = await store.next_old(tx, sealed, vault.key_id, at)
            assert last is not None
            failed.append(last)
        if last is None:
            return None, failed
        at = last
    return at, failed
