"""Places that the hospital's own counter gives out, because no draw comes any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class CounterPlaces:
    """A session's places for the counter."""

    session_id: int
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    places: int


async def of_day(tx: Tx, hospital_id: int, day: date) -> list[CounterPlaces]:
    """Return the sessions of a visit date that have places for the counter.

    Places for doctors' referrals and those offered to patients of a stopped clinic are others'.
    """
    return await tx.records(
        CounterPlaces,
        """
        SELECT s.id AS session_id, d.name AS department_name, d.name_en AS department_name_en,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at, s.fee_fen,
               sum(p.places)::int AS places
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE s.hospital_id = %(hospital_id)s AND s.visit_date = %(day)s
          AND s.stopped_at IS NULL AND p.released_at IS NULL AND p.draw_at IS NULL
          AND p.cause <> 'referral' AND p.places > 0
        GROUP BY s.id, d.id
        ORDER BY d.name, d.id, array_position('{morning,afternoon,evening}', s.period),
                 s.starts_at NULLS FIRST, s.id
        """,
        {"hospital_id": hospital_id, "day": day},
    )
