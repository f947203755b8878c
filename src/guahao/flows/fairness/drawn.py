"""Read draws: what is public of each, its file, the log, and an account's own entries."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.flows.fairness.publishing import file_of, sources_used
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.allocating import DrawEntry, Result
from guahao.rules.fairness.applying import ApplicationState, Wishes, choices_of
from guahao.rules.fairness.log import BEGINNING, write
from guahao.rules.fairness.merkle import proof_of
from guahao.rules.fairness.proof import Level, Source, entry_line, level_of
from guahao.rules.fairness.returning import DrawKind, applications_until
from guahao.store.fairness import applications, drawn
from guahao.store.fairness import draws as store
from guahao.store.fairness import entries as entry_store
from guahao.store.fairness import log as log_store
from guahao.store.fairness.applications import ApplicationView, in_draw
from guahao.store.fairness.drawn import EnteredDraw, LastPlace, PublicResult, WaitingSession
from guahao.store.fairness.draws import DrawRow, DrawSessionRow, PublicDraw
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply import sessions

LISTED = 50
LOG_LINES = 20_000  # in one part of the log
_GZIP = 16 + zlib.MAX_WBITS
_ZIP_LEVEL = 5
_ZIPPED_AT_ONCE = 30_000  # bytes, before other requests have their turn
_PROVEN_ENTRIES_MAX = 20_000  # more would keep other requests waiting


@dataclass(frozen=True, slots=True)
class DrawView:
    """What is public of a draw.

    `witnesses`: the names of its sources, as far as they are known. `referrals`: places of a
    release that are kept for doctors' referrals and not drawn.
    """

    public: PublicDraw
    sessions: list[DrawSessionRow]
    sources: list[Source]
    witnesses: list[str | None]
    referrals: int

    @property
    def draw(self) -> DrawRow:
        """Return the draw's own row."""
        return self.public.draw

    @property
    def values(self) -> list[bytes | None]:
        """Return the value of each source; None where it has given none."""
        given = iter(self.draw.source_values or ())
        return [None if source.is_silent else next(given, None) for source in self.sources]

    @property
    def level(self) -> Level | None:
        """Return who could have known the result before closing; None before it is drawn."""
        if self.draw.source_values is None:
            return None
        return level_of(self.sources)

    @property
    def has_file(self) -> bool:
        """Return whether the file is published: of a finished draw that is not sensitive."""
        return self.draw.state == "done" and not self.draw.is_sensitive


@dataclass(frozen=True, slots=True)
class EntryView:
    """An application's entry in a draw, for its account.

    `result`: once it is decided. `last_won`: the position of the last entry that won, by the number
    of the session. `leaf` and `branch` prove that entry number `index`, counted from 0 in the order
    of the tickets, was fixed when the draw closed (RFC 9162); None in very large draws.
    """

    view: DrawView
    entry: DrawEntry
    result: Result | None
    last_won: dict[int, int]
    leaf: str
    index: int
    branch: list[bytes] | None


async def draws(
    platform: Platform,
    *,
    hospital_id: int | None = None,
    department_id: int | None = None,
    state: str | None = None,
    q: str = "",
    before: int | None = None,
) -> tuple[list[PublicDraw], int | None]:
    """Return a page of draws, the newest first, and the id before which the next page begins.

    `q`: words of the hospital's or the department's name, or its pinyin.
    """
    async with platform.db.transaction() as tx:
        found = await store.public(
            tx,
            hospital_id=hospital_id,
            department_id=department_id,
            state=state,
            q=q,
            before=before,
            limit=LISTED + 1,
        )
    return _page(found)


async def coming_draws(
    platform: Platform,
    *,
    hospital_id: int | None = None,
    department_id: int | None = None,
    q: str = "",
    after: int | None = None,
) -> tuple[list[PublicDraw], int | None]:
    """Return a page of the draws to come by day, hospital and time, and the id of its last draw.

    The id is None where no page follows.
    """
    async with platform.db.transaction() as tx:
        found = await store.coming(
            tx,
            hospital_id=hospital_id,
            department_id=department_id,
            q=q,
            after=after,
            limit=LISTED + 1,
        )
    return _page(found)


def _page(found: list[PublicDraw]) -> tuple[list[PublicDraw], int | None]:
    page = found[:LISTED]
    return page, page[-1].draw.id if len(found) > LISTED else None


async def draw(platform: Platform, draw_id: int) -> DrawView | None:
    """Return what is public of a draw; None if there is none."""
    async with platform.db.transaction() as tx:
        found = await store.public(tx, draw_id=draw_id)
        if not found:
            return None
        sessions = await store.sessions(tx, draw_id)
        is_release = found[0].draw.kind == DrawKind.RELEASE
        referrals = await drawn.referral_places(tx, draw_id) if is_release else 0
    names = {w.first: w.name for w in platform.settings.fairness_witnesses}
    sources = sources_used(found[0].draw)
    witnesses = [
        names.get(source.first) if source.beacon is None else f"drand {source.beacon.name}"
        for source in sources
    ]
    return DrawView(found[0], sessions, sources, witnesses, referrals)


async def proof_file(platform: Platform, draw_id: int) -> str | None:
    """Return the file of a finished draw for the auditor, also of a sensitive department."""
    async with platform.db.transaction() as tx:
        row = await store.get(tx, draw_id)
        if row is None or row.state != "done":
            return None
        return b"".join([part async for part in file_of(tx, row)]).decode()


async def zipped_file(platform: Platform, draw_id: int) -> bytes:
    """Return the file of a finished draw, compressed by gzip, giving other requests their turn."""
    zipper = zlib.compressobj(_ZIP_LEVEL, wbits=_GZIP)
    parts = []
    async with platform.db.transaction() as tx:
        row = await store.get(tx, draw_id)
        if row is None or row.state != "done":
            raise LookupError(f"draw {draw_id} has no file")
        async for part in file_of(tx, row):
            for start in range(0, len(part), _ZIPPED_AT_ONCE):
                parts.append(zipper.compress(part[start : start + _ZIPPED_AT_ONCE]))
                await asyncio.sleep(0)
    return b"".join([*parts, zipper.flush()])


async def log(platform: Platform, after_seq: int = 0, limit: int = LOG_LINES) -> str | None:
    """Return the part of the public log after a line, signed; None if there is no such line.

    Each part ends with a signed head of its own, so that a reader who keeps up has the whole log.
    """
    async with platform.db.transaction() as tx:
        after = await log_store.hash_of(tx, after_seq) if after_seq else BEGINNING
        if after is None:
            return None
        lines = await log_store.lines_after(tx, after_seq, limit)
    seq, last = (lines[-1].seq, lines[-1].hash) if lines else (after_seq, after)
    return write(
        (after_seq, after),
        [(line.seq, line.line, line.hash) for line in lines],
        log_store.signature(platform.vault, seq, last),
    )


async def own_entry(
    platform: Platform, account_id: int, application_id: int, draw_id: int
) -> EntryView | None:
    """Return the entry of an account's application in a draw; None if there is none."""
    view = await draw(platform, draw_id)
    if view is None:
        return None
    async with platform.db.transaction() as tx:
        own = await entry_store.own(tx, account_id, application_id, draw_id)
        if own is None:
            return None
        branch = None
        if (view.draw.entries or 0) <= _PROVEN_ENTRIES_MAX:
            leaves = [
                line.encode()
                async for lines in entry_store.entry_lines(tx, draw_id)
                for line in lines
            ]
            branch = proof_of(leaves, own.index)
        last_won = await entry_store.last_won(tx, draw_id)
    return EntryView(
        view, own.entry, own.result, last_won, entry_line(own.entry), own.index, branch
    )


# The next draw -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NextDraw:
    """The next draw that suits an application's wishes, and how many places it gives out there.

    `draw_id`: None before it opens. `entries`: how many entered it; None before it is closed.
    """

    draw_id: int | None
    draw_at: datetime
    closes_at: datetime
    places: int
    entries: int | None = None


async def next_draws(
    platform: Platform, applications: Sequence[ApplicationView]
) -> dict[int, NextDraw]:
    """Return the next draw of each live application that has one, by the application's id."""
    async with platform.db.transaction() as tx:
        return await next_draws_of(tx, applications)


async def next_draws_of(tx: Tx, applications: Sequence[ApplicationView]) -> dict[int, NextDraw]:
    """Return the next draws of applications within a transaction."""
    live = [a for a in applications if a.state == ApplicationState.LIVE]
    if not live:
        return {}
    found = await _suiting(tx, {a.id: (a.department_id, a.wishes) for a in live})
    for entry in await drawn.entered(tx, [a.id for a in live]):
        if entry.state != "done":
            found[entry.application_id] = _of_entry(entry)
    return found


async def next_draw(platform: Platform, department_id: int, wishes: Wishes) -> NextDraw | None:
    """Return the next draw that somebody with these wishes would enter by applying now."""
    async with platform.db.transaction() as tx:
        return (await _suiting(tx, {0: (department_id, wishes)})).get(0)


def _of_entry(entry: EnteredDraw) -> NextDraw:
    closes_at = applications_until(DrawKind(entry.kind), entry.draw_at)
    return NextDraw(entry.draw_id, entry.draw_at, closes_at, 0, entry.entries)


async def _suiting(tx: Tx, wishes_of: Mapping[int, tuple[int, Wishes]]) -> dict[int, NextDraw]:
    """Return the first draw still open to each of these wishes, by their keys."""
    departments = sorted({department_id for department_id, _ in wishes_of.values()})
    waiting = await drawn.waiting(tx, departments)
    ids = {row.session_id for rows in waiting.values() for row in rows}
    views = {view.id: view for view in await sessions.by_ids(tx, sorted(ids))}
    found = {}
    for key, (department_id, wishes) in wishes_of.items():
        suits = _first(wishes, waiting[department_id], views, tx.now)
        if suits is not None:
            found[key] = suits
    return found


def _first(
    wishes: Wishes,
    waiting: Sequence[WaitingSession],
    views: Mapping[int, SessionView],
    now: datetime,
) -> NextDraw | None:
    draws: dict[tuple[datetime, str], list[WaitingSession]] = {}
    for row in waiting:
        if row.session_id in views and row.state in (None, "open"):
            draws.setdefault((row.draw_at, row.kind), []).append(row)
    for (draw_at, kind), rows in draws.items():
        closes_at = applications_until(DrawKind(kind), draw_at)
        if closes_at <= now:
            continue
        numbered = [in_draw(views[row.session_id], n) for n, row in enumerate(rows)]
        choices = choices_of(wishes, numbered, draw_at)
        if choices:
            places = sum(rows[number].places for number in choices)
            return NextDraw(rows[0].draw_id, draw_at, closes_at, places)
    return None


async def entered(platform: Platform, account_id: int, application_id: int) -> list[EnteredDraw]:
    """Return the draws that an application of the account entered, the latest first."""
    async with platform.db.transaction() as tx:
        if await applications.view(tx, platform.vault, application_id, account_id) is None:
            return []
        return await drawn.entered(tx, [application_id])


@dataclass(frozen=True, slots=True)
class DrawPage:
    """A draw for its page. `sessions`: by their numbers, without those that were removed since.

    `last`: who got the last place of each session. `results`: the first ones, in the order of
    the draw; none of a sensitive draw.
    """

    view: DrawView
    sessions: dict[int, SessionView]
    last: dict[int, LastPlace]
    results: list[PublicResult]


async def draw_page(platform: Platform, draw_id: int, most_results: int) -> DrawPage | None:
    """Return a draw with its sessions and winners; None if there is none."""
    view = await draw(platform, draw_id)
    if view is None:
        return None
    async with platform.db.transaction() as tx:
        found = await sessions.by_ids(tx, [row.clinic_session_id for row in view.sessions])
        last = await drawn.last_places(tx, draw_id) if view.draw.state == "done" else {}
        results = []
        if view.has_file and most_results:
            results = await drawn.results(tx, draw_id, most_results)
    by_id = {session.id: session for session in found}
    return DrawPage(
        view,
        {
            row.number: by_id[row.clinic_session_id]
            for row in view.sessions
            if row.clinic_session_id in by_id
        },
        last,
        results,
    )
