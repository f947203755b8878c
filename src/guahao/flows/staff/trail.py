"""Reading the audit trail, and proving that nobody has touched it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Staff, Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.reports.scope import ScopeChoice, hospitals
from guahao.store.staff import trail as store
from guahao.store.staff import trail_names
from guahao.store.staff.trail import ChainLink, TrailEntry, TrailHead, TrailKeys, Wanted
from guahao.store.staff.trail_names import Thing, ThingName

__all__ = ["TrailEntry", "TrailHead", "TrailVerdict", "Wanted"]

PAGE_SIZE = 100
_CHUNK = 5000

Progress = Callable[[int, int], None]  # entries verified, entries in all


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """Whether the chain holds; else the first number at which it does not, and why.

    `why`: `missing` (an entry was deleted or moved), `changed` (an entry is not what was
    written), `cut` (entries at the end are gone, or were when the next one was appended),
    `head_forged` (the end was not written by this platform), `emptied` (nothing is left),
    `rolled_back` (an earlier state of this very chain: a backup was restored, or the end was cut
    by somebody who kept an earlier end), `other_past` (not the chain that a noted head belonged
    to), `other_key` (this secret key is not the one that the trail was written with).
    """

    head: TrailHead
    entries: int
    broken_at: int | None = None
    why: str | None = None

    @property
    def holds(self) -> bool:
        """Return whether nothing was touched."""
        return self.broken_at is None


async def list_trail(platform: Platform, wanted: Wanted) -> tuple[list[TrailEntry], int | None]:
    """Return a page of entries, newest first, and where the next begins."""
    async with platform.db.transaction() as tx:
        found = await store.listed(tx, platform.vault, wanted, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    return page, page[-1].seq if len(found) > PAGE_SIZE else None


async def things(
    platform: Platform, named: Collection[Thing]
) -> tuple[dict[Thing, ThingName], list[ScopeChoice]]:
    """Return the names of what entries are about, and the hospitals to choose from."""
    async with platform.db.transaction() as tx:
        return await trail_names.names(tx, named), await hospitals(tx)


async def verify_trail(
    platform: Platform, noted: TrailHead | None = None, progress: Progress | None = None
) -> TrailVerdict:
    """Verify the whole chain from its first entry to its head, in one snapshot.

    `noted`: an earlier head, stored outside the database. With it, truncation and a rewritten
    head are detected, even where the key was used.
    """
    async with platform.db.transaction() as tx:
        await store.set_snapshot(tx)
        return await _verify(tx, platform, noted, progress or (lambda _done, _all: None))


async def _verify(
    tx: Tx, platform: Platform, noted: TrailHead | None, progress: Progress
) -> TrailVerdict:
    keys = await store.trail_keys(tx, platform.vault)
    head, genuine = await store.head(tx, platform.vault)
    seq, last = head.seq, head.hash
    at, previous = 0, b""
    while links := await store.links_after(tx, at, _CHUNK):
        for link in links:
            why = _broken(link, at + 1, previous, keys)
            if why is None and noted is not None and link.entry.seq == noted.seq:
                why = None if hmac.compare_digest(link.hash, noted.hash) else "other_past"
            if why is not None:
                if why == "changed" and at == 0 and not genuine:
                    why = "other_key"
                return TrailVerdict(head, at, at + 1, why)
            at, previous = link.entry.seq, link.hash
        progress(at, max(seq, at))
    if at != seq or not hmac.compare_digest(previous, last):
        return TrailVerdict(head, at, at + 1, "cut")
    return _of_head(head, noted, at, genuine=genuine) or TrailVerdict(head, at)


def _of_head(
    head: TrailHead, noted: TrailHead | None, at: int, *, genuine: bool
) -> TrailVerdict | None:
    """Return what is wrong with a head that agrees with the last entry; None: nothing."""
    if not genuine:
        return TrailVerdict(head, at, at + 1, "head_forged" if at else "emptied")
    if head.broken_at is not None:
        return TrailVerdict(head, at, head.broken_at, "cut")
    if noted is not None and noted.seq > at:
        return TrailVerdict(head, at, at + 1, "rolled_back" if at else "emptied")
    return None


async def check_head(platform: Platform, noted: TrailHead | None = None) -> TrailVerdict:
    """Compare the end of the trail with the last entry and with a noted head; takes no time.

    Finds a cut, an emptied trail, a forged end and a restored backup. Entries changed in the
    middle are found by `verify_trail` alone.
    """
    async with platform.db.transaction() as tx:
        return await head_verdict(tx, platform.vault, noted)


async def head_verdict(tx: Tx, vault: Vault, noted: TrailHead | None = None) -> TrailVerdict:
    """Verify the head within a transaction."""
    head, genuine = await store.head(tx, vault)
    seq, last = await store.last_link(tx)
    there = None if noted is None or not noted.seq else await store.hash_of(tx, noted.seq)
    if seq != head.seq or not hmac.compare_digest(last, head.hash):
        why = "emptied" if not seq else "cut"
        return TrailVerdict(head, seq, min(seq, head.seq) + 1, why)
    same = there is None or noted is None or hmac.compare_digest(there, noted.hash)
    if genuine and not same and noted is not None:
        return TrailVerdict(head, seq, noted.seq, "other_past")
    return _of_head(head, noted, seq, genuine=genuine) or TrailVerdict(head, seq)


async def accept_trail(
    platform: Platform, by: Who, reason: str, noted: TrailHead | None
) -> TrailHead:
    """Take the trail as it stands for whole from here on: after a backup was restored.

    Says so in the trail itself, with the head that was known before.
    """
    async with platform.db.transaction() as tx:
        await store.accept(tx, platform.vault)
        detail = {"head": None if noted is None else noted.seq}
        await store.record(tx, platform.vault, by, "accept_trail", reason=reason, detail=detail)
        head, _ = await store.head(tx, platform.vault)
    return head


async def trail_head(platform: Platform) -> TrailHead | None:
    """Return the end of the trail for keeping it elsewhere; None where it is not ours."""
    async with platform.db.transaction() as tx:
        head, genuine = await store.head(tx, platform.vault)
    return head if genuine and head.broken_at is None else None


def _broken(link: ChainLink, expected: int, previous: bytes, keys: TrailKeys) -> str | None:
    if link.entry.seq != expected:
        return "missing"
    same_past = hmac.compare_digest(link.previous_hash, previous)
    try:
        expected_hash = link.entry.hash_after(previous, keys.chain_key(link.entry.seq))
    except VaultError:  # its key was deleted
        return "changed"
    if same_past and hmac.compare_digest(expected_hash, link.hash):
        return None
    return "changed"


async def record_verification(platform: Platform, by: Staff, verdict: TrailVerdict) -> None:
    """Record in the trail that somebody verified it."""
    detail = {"head": verdict.head.seq, "holds": verdict.holds, "broken_at": verdict.broken_at}
    async with platform.db.transaction() as tx:
        await store.record(tx, platform.vault, by.who, "verify_trail", detail=detail)
