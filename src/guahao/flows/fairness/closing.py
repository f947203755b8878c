"""Close draws: fix entries and places; afterwards publish the places that are lost."""

from __future__ import annotations

from collections.abc import Iterable

from guahao.flows.fairness.publishing import moment
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import choices_of
from guahao.rules.fairness.merkle import GrowingTree
from guahao.rules.fairness.proof import DrawSession, closed_lines
from guahao.rules.fairness.returning import AMENDED_UNTIL
from guahao.rules.fairness.sensitive import ENTRIES_LEAST, is_sensitive
from guahao.rules.kernel.facts import PERIODS
from guahao.store.booking.appointments import lock_sessions
from guahao.store.fairness import applications, entries, log
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import DrawRow, DrawSessionRow
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply import sessions as supply


async def close(platform: Platform, draw_id: int) -> None:
    """Close an open draw whose time has come, in one transaction; late is better than never.

    Everything that decides who chooses what is fixed now, before anybody can know the order.
    Applications made after the announced time do not enter, however late the draw is closed.
    """
    async with platform.db.transaction() as tx:
        draw = await store.lock(tx, draw_id)
        if draw.state != "open" or tx.now < draw.closes_at:
            return
        waiting = await store.waiting_sessions(tx, draw)
        await lock_sessions(tx, waiting)
        places = await store.claim_places(tx, draw)
        offered = sorted(await supply.by_ids(tx, list(places)), key=_by_time)
        entered = await _enter(tx, draw, offered)
        tree = GrowingTree()
        async for lines in entries.entry_lines(tx, draw.id):
            tree.extend(map(str.encode, lines))
        root = tree.root()
        given_out = [
            DrawSession(session.id, places[session.id], places[session.id]) for session in offered
        ]
        code, names = await store.names_of(tx, draw.department_id)
        await store.close(
            tx,
            draw,
            [(session.id, session.places) for session in given_out],
            entered,
            root,
            # The department may have another name than when the draw was opened.
            is_sensitive=draw.is_sensitive
            or is_sensitive(code, *names)
            or 0 < entered < ENTRIES_LEAST,
        )
        published = closed_lines(moment(tx.now), draw.long_waits_percent, entered, root, given_out)
        await log.append(tx, platform.vault, draw.id, published)


async def _enter(tx: Tx, draw: DrawRow, offered: list[SessionView]) -> int:
    """Store the entries of a draw; return how many.

    Wishes are decided once, however many people share them.
    """
    numbered = [applications.in_draw(session, number) for number, session in enumerate(offered, 1)]
    choices = {
        applied.key: chosen
        for applied in await entries.wishes_in(tx, draw.department_id, draw.closes_at)
        if (chosen := choices_of(applied.wishes, numbered, draw.draw_at))
    }
    return await entries.enter(tx, draw.id, draw.department_id, draw.closes_at, choices)


def _by_time(session: SessionView) -> tuple[object, ...]:
    starts_at = "" if session.starts_at is None else session.starts_at.isoformat()
    return session.visit_date, PERIODS.index(session.period), starts_at, session.id


async def amend(platform: Platform, draw_id: int) -> None:
    """Publish the places that a closed draw has lost by stops and reductions.

    Until five minutes before the draw; what is taken away later the draw itself refuses.
    """
    async with platform.db.transaction() as tx:
        draw = await store.lock(tx, draw_id)
        if draw.state != "closed" or tx.now >= draw.draw_at - AMENDED_UNTIL:
            return
        before = await store.sessions(tx, draw_id)
        if not _lost(before):
            return
        await lock_sessions(tx, [row.clinic_session_id for row in before])
        lost = _lost(await store.sessions(tx, draw_id))
        if not lost:
            return
        await store.amend(tx, draw_id, lost)
        await store.leave_out(tx, draw_id)
        lines = [f"less {number} {places}" for number, places in lost.items()]
        await log.append(tx, platform.vault, draw_id, lines)


def _lost(rows: Iterable[DrawSessionRow]) -> dict[int, int]:
    """Return the places that are left of each session that has lost some, by its number."""
    return {row.number: row.held for row in rows if row.held < row.places_left}
