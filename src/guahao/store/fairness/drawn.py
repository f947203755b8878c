"""What people read of draws: which come, which an application entered, who won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.store.fairness.draws import IS_SHOWN, KIND
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class WaitingSession:
    """A session's places that wait for a draw. `state`: the draw's; None before it opens."""

    department_id: int
    session_id: int
    places: int
    kind: str
    draw_at: datetime
    draw_id: int | None
    state: str | None


@dataclass(frozen=True, slots=True)
class EnteredDraw:
    """A draw that an application entered. `position`: once it is drawn. `won`: places there."""

    application_id: int
    draw_id: int
    kind: str
    draw_at: datetime
    state: str
    entries: int
    position: int | None
    won: int


@dataclass(frozen=True, slots=True)
class LastPlace:
    """Who got the last place of a session: position and ticket. `won`: the places given out."""

    number: int
    won: int
    position: int
    ticket: bytes


async def waiting(tx: Tx, department_ids: Sequence[int]) -> dict[int, list[WaitingSession]]:
    """Return the places that wait for draws, by department; the earliest draw first."""
    found: dict[int, list[WaitingSession]] = {id: [] for id in department_ids}
    for row in await tx.records(
        WaitingSession,
        f"""
        SELECT s.department_id, s.id AS session_id, sum(p.places)::int AS places, {KIND} AS kind,
               p.draw_at, w.id AS draw_id, w.state
        FROM clinic_sessions s
        JOIN held_places p ON p.clinic_session_id = s.id AND p.released_at IS NULL
        LEFT JOIN draws w
          ON w.department_id = s.department_id AND w.draw_at = p.draw_at AND w.kind = {KIND}
        WHERE s.department_id = ANY(%(ids)s::bigint[]) AND s.visit_date > %(today)s
          AND s.held > 0 AND s.stopped_at IS NULL AND p.draw_at IS NOT NULL AND p.places > 0
          AND (w.state IS NULL OR w.state <> 'done') AND {IS_SHOWN}
        GROUP BY s.department_id, s.id, 4, p.draw_at, w.id, w.state
        ORDER BY p.draw_at, s.id
        """,
        {"ids": list(department_ids), "today": tx.now.date()},
    ):
        found[row.department_id].append(row)
    return found


async def entered(tx: Tx, application_ids: Sequence[int]) -> list[EnteredDraw]:
    """Return the draws that applications entered, the latest first."""
    return await tx.records(
        EnteredDraw,
        """
        SELECT e.application_id, e.draw_id, w.kind, w.draw_at, w.state, w.entries, e.position,
               coalesce(cardinality(e.patients), 0) AS won
        FROM draw_entries e JOIN draws w ON w.id = e.draw_id
        WHERE e.application_id = ANY(%(ids)s::bigint[])
        ORDER BY w.draw_at DESC, w.id DESC
        """,
        {"ids": list(application_ids)},
    )


async def last_places(tx: Tx, draw_id: int) -> dict[int, LastPlace]:
    """Return who got the last place of each session that gave out any, by its number."""
    found = await tx.records(
        LastPlace,
        """
        SELECT DISTINCT ON (session) session AS number, position, ticket,
               sum(cardinality(patients)) OVER (PARTITION BY session)::int AS won
        FROM draw_entries WHERE draw_id = %(id)s AND session IS NOT NULL
        ORDER BY session, position DESC
        """,
        {"id": draw_id},
    )
    return {last.number: last for last in found}


async def referral_places(tx: Tx, draw_id: int) -> int:
    """Return the places of a closed draw's sessions that are kept for doctors' referrals."""
    row = await tx.row(
        """
        SELECT coalesce(sum(p.places), 0)::int
        FROM draw_sessions n JOIN held_places p ON p.clinic_session_id = n.clinic_session_id
        WHERE n.draw_id = %(id)s AND p.cause = 'referral' AND p.released_at IS NULL
        """,
        {"id": draw_id},
    )
    return 0 if row is None else row[0]


@dataclass(frozen=True, slots=True)
class PublicResult:
    """A result of a draw by its ticket: the session that was won, or None."""

    position: int
    ticket: bytes
    size: int
    session: int | None
    places: int


async def results(tx: Tx, draw_id: int, limit: int) -> list[PublicResult]:
    """Return the first results of a draw by position."""
    return await tx.records(
        PublicResult,
        """
        SELECT position, ticket, size, session, coalesce(cardinality(patients), 0) AS places
        FROM draw_entries WHERE draw_id = %(id)s AND position IS NOT NULL
        ORDER BY position LIMIT %(limit)s
        """,
        {"id": draw_id, "limit": limit},
    )
