"""What draws publish: their lines in the log and their files, both from the stored rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from guahao.rules.fairness.beacon import beacon_of
from guahao.rules.fairness.proof import (
    DrawSession,
    Source,
    closed_lines,
    end_line,
    first_lines,
    less_lines,
    opened_lines,
    revealed_lines,
)
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.fairness import draws, entries
from guahao.store.fairness.draws import DrawRow, DrawSessionRow
from guahao.store.kernel.db import Tx


def moment(at: datetime) -> str:
    """Return a moment as the files write it, in the city's time."""
    return at.astimezone(CITY_TIME).isoformat(timespec="seconds")


def sources_of(announced: Iterable[tuple[bytes, int]], beacon: str | None) -> list[Source]:
    """Return outside sources as they are announced when a draw opens; a beacon is the last."""
    sources = [Source(bytes(first), index) for first, index in announced]
    if beacon is not None:
        sources[-1] = replace(sources[-1], beacon=beacon_of(beacon))
    return sources


def sources_used(draw: DrawRow) -> list[Source]:
    """Return the outside sources of a draw, with what became of each once it is drawn."""
    announced = sources_of(zip(draw.source_firsts, draw.source_indexes, strict=True), draw.beacon)
    if draw.source_used is None:
        return announced
    return [
        replace(
            source,
            later=None if used in (None, source.index) else used,
            is_silent=used is None,
            signature=None if source.beacon is None else draw.beacon_signature,
        )
        for source, used in zip(announced, draw.source_used, strict=True)
    ]


def sessions_of(rows: Iterable[DrawSessionRow]) -> list[DrawSession]:
    """Return the sessions of a draw by number, as its file has them."""
    return [DrawSession(row.clinic_session_id, row.places, row.places_left) for row in rows]


async def heading(tx: Tx, draw: DrawRow) -> list[str]:
    """Return the lines of a drawn draw's file before its entries."""
    assert draw.closed_at is not None
    assert draw.root is not None
    assert draw.entries is not None
    assert draw.secret is not None
    assert draw.source_values is not None
    assert draw.seed is not None
    sources = sources_used(draw)
    sessions = sessions_of(await draws.sessions(tx, draw.id))
    return [
        *first_lines(draw.id),
        *opened_lines(moment(draw.opened_at), draw.commitment, sources),
        *closed_lines(
            moment(draw.closed_at), draw.long_waits_percent, draw.entries, draw.root, sessions
        ),
        *less_lines(sessions),
        *revealed_lines(sources, draw.secret, draw.source_values, draw.seed),
    ]


async def file_of(tx: Tx, draw: DrawRow) -> AsyncIterator[bytes]:
    """Yield the file of a draw, all of whose entries have their result, in parts of whole lines."""
    digest = sha256()
    async for lines in _lines_of(tx, draw):
        part = "".join([f"{line}\n" for line in lines]).encode()
        digest.update(part)
        yield part
    yield end_line(digest.hexdigest()).encode()


async def _lines_of(tx: Tx, draw: DrawRow) -> AsyncIterator[list[str]]:
    yield await heading(tx, draw)
    async for lines in entries.entry_lines(tx, draw.id):
        yield lines
    async for lines in entries.result_lines(tx, draw.id):
        yield lines
