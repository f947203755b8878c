"""Close draws: fix who enters and which places they enter for, and take in what is lost later."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from guahao.flows.fairness.publishing import moment
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.allocating import Entry
from guahao.rules.fairness.applying import choices_of
from guahao.rules.fairness.drawing import TICKET_BYTES
from guahao.rules.fairness.proof import DrawSession, closed_lines, root_of
from guahao.rules.fairness.returning import AMENDED_UNTIL
from guahao.rules.fairness.sensitive import ENTRIES_LEAST
from guahao.rules.kernel.facts import PERIODS
from guahao.store.booking.appointments import lock_sessions
from guahao.store.fairness import applications, entries, log
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import DrawRow, SessionRow
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
        given_out = [
            DrawSession(session.id, places[session.id], places[session.id]) for session in offered
        ]
        root = root_of([entry for entry, _ in entered])
        await store.close(
            tx,
            draw,
            [(session.id, session.places) for session in given_out],
            len(entered),
            root,
            is_sensitive=draw.is_sensitive or len(entered) < ENTRIES_LEAST,
        )
        lines = closed_lines(moment(tx.now), draw.long_waits_percent, len(entered), root, given_out)
        await log.append(tx, platform.vault, draw.id, lines)


async def _enter(tx: Tx, draw: DrawRow, offered: list[SessionView]) -> list[tuple[Entry, int]]:
    """Store and return the entries of a draw, ascending by ticket, each with its application."""
    numbered = [applications.in_draw(session, number) for number, session in enumerate(offered, 1)]
    entered = []
    alike: dict[tuple[int, ...], tuple[int, ...]] = {}  # equal choices are one object
    async for application in applications.live_in(tx, draw.department_id, draw.closes_at):
        choices = choices_of(application.wishes, numbered, draw.draw_at)
        if choices:
            entry = Entry(
                secrets.token_bytes(TICKET_BYTES),
                len(application.patient_ids),
                alike.setdefault(choices, choices),
                application.wishes.may_split and len(application.patient_ids) > 1,
                application.lost,
            )
            entered.append((entry, application.id))
    entered.sort(key=lambda pair: pair[0].ticket)
    await entries.add(tx, draw.id, entered)
    return entered


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


def _lost(rows: Iterable[SessionRow]) -> dict[int, int]:
    """Return the places that are left of each session that has lost some, by its number."""
    return {row.number: row.held for row in rows if row.held < row.places_left}
