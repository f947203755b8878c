"""Reading the audit trail, and proving that nobody has touched it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from guahao.flows.platform import Platform
from guahao.rules.staff import Staff
from guahao.store import trail as store
from guahao.store.db import Tx
from guahao.store.trail import Entry, Link, TrailKeys, Wanted
from guahao.store.vault import VaultError

PAGE_SIZE = 100
_CHUNK = 5000

Progress = Callable[[int, int], None]  # entries verified, entries in all


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some time: what an operator notes down elsewhere."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """Whether the chain holds; else the first number at which it does not, and why.

    `why`: `missing` (an entry was deleted or moved), `changed` (an entry is not what was
    written), `cut` (entries at the end are gone), `other_past` (not the chain that a noted
    head belonged to).
    """

    head: Head
    entries: int
    broken_at: int | None = None
    why: str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing was touched."""
        return self.broken_at is None


async def list_trail(platform: Platform, wanted: Wanted) -> tuple[list[Entry], int | None]:
    """A page of entries, newest first, and where the next begins."""
    async with platform.db.transaction() as tx:
        found = await store.listed(tx, platform.vault, wanted, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    return page, page[-1].seq if len(found) > PAGE_SIZE else None


async def verify_trail(
    platform: Platform, noted: Head | None = None, progress: Progress | None = None
) -> TrailVerdict:
    """Walk the whole chain from its first entry to its head, in one snapshot.

    `noted`: a head of earlier, kept outside of the database; with it, it is found out too
    when somebody cut the end off and wrote the head anew, even with the key.
    """
    async with platform.db.transaction() as tx:
        await store.one_snapshot(tx)
        return await _verify(tx, platform, noted, progress or (lambda _done, _all: None))


async def _verify(
    tx: Tx, platform: Platform, noted: Head | None, progress: Progress
) -> TrailVerdict:
    keys = await store.trail_keys(tx, platform.vault)
    seq, last = await store.head(tx)
    head = Head(seq, last)
    at, previous = 0, b""
    while links := await store.links_after(tx, at, _CHUNK):
        for link in links:
            why = _broken(link, at + 1, previous, keys)
            if why is None and noted is not None and link.entry.seq == noted.seq:
                why = None if hmac.compare_digest(link.hash, noted.hash) else "other_past"
            if why is not None:
                return TrailVerdict(head, at, at + 1, why)
            at, previous = link.entry.seq, link.hash
        progress(at, max(seq, at))
    if at != seq or not hmac.compare_digest(previous, last):
        return TrailVerdict(head, at, at + 1, "cut")
    if noted is not None and noted.seq > at:
        return TrailVerdict(head, at, at + 1, "cut")
    return TrailVerdict(head, at)


def _broken(link: Link, expected: int, previous: bytes, keys: TrailKeys) -> str | None:
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
    """That somebody verified the trail is part of it."""
    detail = {"head": verdict.head.seq, "holds": verdict.holds, "broken_at": verdict.broken_at}
    async with platform.db.transaction() as tx:
        await store.record(tx, platform.vault, by.who, "verify_trail", detail=detail)
