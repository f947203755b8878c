"""Draws as people read them: the next of a department, all of the city, an applicant's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class WaitingSession:
    """A session's places that wait for a draw. `state`: the draw's; None before it opens."""

    session_id: int
    places: int
    kind: str
    draw_at: datetime
    draw_id: int | None
    state: str | None


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An application's entry in a draw, with its result once there is one.

    `application_id`: whose it is. `patients`: which of them won, by their position.
    """

    application_id: int
    draw_id: int
    kind: str
    draw_at: datetime
    state: str
    entries: int
    ticket: bytes
    size: int
    choices: list[int]
    position: int | None
    session: int | None
    patients: list[int] | None
    reasons: list[str] | None


@dataclass(frozen=True, slots=True)
class DrawSummary:
    """A draw in a list. `places`, `won`: over all of its sessions, 0 before it is closed."""

    id: int
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str
    kind: str
    draw_at: datetime
    closes_at: datetime
    state: str
    is_sensitive: bool
    entries: int | None
    places: int
    won: int


@dataclass(frozen=True, slots=True)
class LastPlace:
    """Who got the last place of a session: ticket and position. `won`: the places given out."""

    number: int
    won: int
    position: int
    ticket: bytes


_ENTRY = """
    SELECT e.application_id, e.draw_id, w.kind, w.draw_at, w.state, w.entries, e.ticket, e.size,
           e.choices, e.position, e.session, e.patients, e.reasons
    FROM draw_entries e JOIN draws w ON w.id = e.draw_id
"""


async def waiting(tx: Tx, department_ids: Sequence[int]) -> dict[int, list[WaitingSession]]:
    """Return the places that wait for draws, by department; the earliest draw first."""
    found: dict[int, list[WaitingSession]] = {id: [] for id in department_ids}
    rows = await tx.rows(
        """
        SELECT s.department_id, s.id, sum(p.places)::int,
               CASE WHEN p.cause = 'release' THEN 'release' ELSE 'returned' END AS kind,
               p.draw_at, w.id, w.state
        FROM clinic_sessions s
        JOIN held_places p ON p.clinic_session_id = s.id AND p.released_at IS NULL
        LEFT JOIN draws w
          ON w.department_id = s.department_id AND w.draw_at = p.draw_at
         AND w.kind = CASE WHEN p.cause = 'release' THEN 'release' ELSE 'returned' END
        WHERE s.department_id = ANY(%(ids)s::bigint[]) AND s.visit_date > %(today)s
          AND s.held > 0 AND s.stopped_at IS NULL AND p.draw_at IS NOT NULL AND p.places > 0
          AND (w.state IS NULL OR w.state <> 'done')
        GROUP BY s.department_id, s.id, 4, p.draw_at, w.id, w.state
        ORDER BY p.draw_at, s.id
        """,
        {"ids": list(department_ids), "today": tx.now.date()},
    )
    for department_id, *columns in rows:
        found[department_id].append(WaitingSession(*columns))
    return found


async def entries_of(tx: Tx, application_ids: Sequence[int]) -> list[OwnEntry]:
    """Return the entries of applications, the latest draw first."""
    return await tx.records(
        OwnEntry,
        f"""
        {_ENTRY} WHERE e.application_id = ANY(%(ids)s::bigint[])
        ORDER BY w.draw_at DESC, w.id DESC
        """,
        {"ids": list(application_ids)},
    )


_SUMMARY = """
    SELECT w.id, w.hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
           w.department_id, d.name AS department_name, d.name_en AS department_name_en,
           w.kind, w.draw_at, w.closes_at, w.state, w.is_sensitive, w.entries,
           coalesce((SELECT sum(n.places_left) FROM draw_sessions n
                     WHERE n.draw_id = w.id), 0)::int AS places,
           (SELECT count(*) FROM wins v WHERE v.draw_id = w.id)::int AS won
    FROM draws w
    JOIN hospitals h ON h.id = w.hospital_id
    JOIN departments d ON d.id = w.department_id
"""


async def listed(
    tx: Tx,
    *,
    hospital_id: int | None,
    department_id: int | None,
    is_done: bool,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[DrawSummary]:
    """Return draws: those to come, the earliest first; or those that are done, the latest first.

    `before`: moment and id of a draw; only earlier ones are returned.
    """
    order = "w.draw_at DESC, w.id DESC" if is_done else "w.draw_at, w.id"
    state = "w.state = 'done'" if is_done else "w.state <> 'done'"
    at, id = before or (None, None)
    return await tx.records(
        DrawSummary,
        f"""
        {_SUMMARY}
        WHERE {state}
          AND w.hospital_id = coalesce(%(hospital_id)s, w.hospital_id)
          AND w.department_id = coalesce(%(department_id)s, w.department_id)
          AND (%(id)s::bigint IS NULL OR (w.draw_at, w.id) < (%(at)s, %(id)s))
        ORDER BY {order} LIMIT %(limit)s
        """,
        {
            "hospital_id": hospital_id,
            "department_id": department_id,
            "at": at,
            "id": id,
            "limit": limit,
        },
    )


async def summary(tx: Tx, draw_id: int) -> DrawSummary | None:
    """Return a draw as in the list, or None."""
    return await tx.record(DrawSummary, f"{_SUMMARY} WHERE w.id = %(id)s", {"id": draw_id})


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
