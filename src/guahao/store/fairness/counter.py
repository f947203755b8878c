"""Places that the hospital's own counter gives out, because no draw comes any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from guahao.rules.fairness.counter import CounterFacts
from guahao.store.kernel.db import Tx

# Places for doctors' referrals and those offered to patients of a stopped clinic are others'.
_KEPT_AND_GIVEN = """
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(p.places), 0)::int AS places FROM held_places p
        WHERE p.clinic_session_id = s.id AND p.released_at IS NULL AND p.draw_at IS NULL
          AND p.cause <> 'referral') k
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS given, max(c.id) AS last_given FROM counter_places_given c
        WHERE c.clinic_session_id = s.id AND c.undone_at IS NULL) g
"""


@dataclass(frozen=True, slots=True)
class CounterPlaces:
    """A session's places for the counter: those left, and those given, the last under its id."""

    session_id: int
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    left: int
    given: int
    last_given: int | None


async def of_day(tx: Tx, hospital_id: int, day: date) -> list[CounterPlaces]:
    """Return the sessions of a visit date that have or had places for the counter."""
    return await tx.records(
        CounterPlaces,
        f"""
        SELECT s.id AS session_id, d.name AS department_name, d.name_en AS department_name_en,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at, s.fee_fen,
               greatest(k.places - g.given, 0) AS left, g.given, g.last_given
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        {_KEPT_AND_GIVEN}
        WHERE s.hospital_id = %(hospital_id)s AND s.visit_date = %(day)s
          AND s.stopped_at IS NULL AND (k.places > 0 OR g.given > 0)
        ORDER BY d.name, d.id, array_position('{{morning,afternoon,evening}}', s.period),
                 s.starts_at NULLS FIRST, s.id
        """,
        {"hospital_id": hospital_id, "day": day},
    )


async def of_session(tx: Tx, hospital_id: int, session_id: int) -> CounterFacts | None:
    """Return a session of the hospital and what is left; lock it first. None: not theirs."""
    found = await tx.records(
        CounterFacts,
        f"""
        SELECT s.visit_date, s.stopped_at IS NOT NULL AS is_stopped, k.places - g.given AS left
        FROM clinic_sessions s
        {_KEPT_AND_GIVEN}
        WHERE s.id = %(session_id)s AND s.hospital_id = %(hospital_id)s
        """,
        {"session_id": session_id, "hospital_id": hospital_id},
    )
    return found[0] if found else None


async def give(tx: Tx, session_id: int) -> None:
    """Record that a place of a locked session was given."""
    await tx.do(
        "INSERT INTO counter_places_given (clinic_session_id, given_at) VALUES (%(id)s, %(now)s)",
        {"id": session_id, "now": tx.now},
    )


async def session_given(tx: Tx, given_id: int) -> int | None:
    """Return the session of a place that was given; None where there is none."""
    row = await tx.row(
        "SELECT clinic_session_id FROM counter_places_given WHERE id = %(id)s", {"id": given_id}
    )
    return None if row is None else row[0]


async def is_undone(tx: Tx, given_id: int) -> bool:
    """Return whether it was taken back that a place was given."""
    row = await tx.row(
        "SELECT undone_at IS NOT NULL FROM counter_places_given WHERE id = %(id)s", {"id": given_id}
    )
    return row is not None and row[0]


async def undo(tx: Tx, given_id: int) -> None:
    """Take back that a place of a locked session was given."""
    await tx.do(
        "UPDATE counter_places_given SET undone_at = %(now)s WHERE id = %(id)s",
        {"id": given_id, "now": tx.now},
    )
