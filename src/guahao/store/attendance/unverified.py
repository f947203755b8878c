"""Bookings whose attendance is not confirmed (S16): no suspension follows until it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class UnverifiedSession:
    """A session of a hospital with bookings that wait to be confirmed."""

    id: int
    visit_date: date
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    bookings: int


@dataclass(frozen=True, slots=True)
class UnverifiedHospital:
    """What waits at a hospital: sessions and bookings, since when, and what is too old by now."""

    id: int
    name: str
    name_en: str
    sessions: int
    bookings: int
    oldest: date
    too_old: int


async def sessions(tx: Tx, hospital_id: int, since: date) -> list[UnverifiedSession]:
    """Return a hospital's sessions of visit dates from `since` on, the oldest first."""
    return await tx.records(
        UnverifiedSession,
        """
        SELECT s.id, s.visit_date, d.name AS department_name, d.name_en AS department_name_en,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at, count(*) AS bookings
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE a.status = 'unverified' AND a.substituted_at IS NULL
          AND a.hospital_id = %(hospital_id)s AND a.visit_date >= %(since)s
        GROUP BY s.id, d.id
        ORDER BY s.visit_date, array_position(ARRAY['morning', 'afternoon', 'evening'], s.period),
                 d.name, s.id
        """,
        {"hospital_id": hospital_id, "since": since},
    )


async def hospitals(tx: Tx, since: date) -> list[UnverifiedHospital]:
    """Return every hospital with waiting bookings, the oldest first; before `since`: too old."""
    return await tx.records(
        UnverifiedHospital,
        """
        SELECT h.id, h.name, h.name_en, count(DISTINCT a.clinic_session_id) AS sessions,
               count(*) AS bookings, min(a.visit_date) AS oldest,
               count(*) FILTER (WHERE a.visit_date < %(since)s) AS too_old
        FROM appointments a JOIN hospitals h ON h.id = a.hospital_id
        WHERE a.status = 'unverified' AND a.substituted_at IS NULL
        GROUP BY h.id ORDER BY min(a.visit_date), h.id
        """,
        {"since": since},
    )


async def waiting_of_session(tx: Tx, session_id: int) -> list[int]:
    """Return the session's bookings that wait to be confirmed, by id."""
    rows = await tx.rows(
        """
        SELECT id FROM appointments WHERE clinic_session_id = %(id)s AND status = 'unverified'
        ORDER BY id
        """,
        {"id": session_id},
    )
    return [row[0] for row in rows]
