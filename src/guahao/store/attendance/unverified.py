"""Bookings whose attendance nobody has confirmed (S16): they punish nobody until somebody does."""

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
    """A hospital's, of visit dates from `since` on, the oldest first."""
    rows = await tx.rows(
        """
        SELECT s.id, s.visit_date, d.name, d.name_en, s.title, s.specialty, s.period,
               s.starts_at, s.ends_at, count(*)
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE a.status = 'unverified' AND a.hospital_id = %s AND a.visit_date >= %s
        GROUP BY s.id, d.id
        ORDER BY s.visit_date, array_position(ARRAY['morning', 'afternoon', 'evening'], s.period),
                 d.name, s.id
        """,
        (hospital_id, since),
    )
    return [UnverifiedSession(*row) for row in rows]


async def hospitals(tx: Tx, since: date) -> list[UnverifiedHospital]:
    """Every hospital where something waits, the oldest first; before `since` it is too old."""
    rows = await tx.rows(
        """
        SELECT h.id, h.name, h.name_en, count(DISTINCT a.clinic_session_id), count(*),
               min(a.visit_date), count(*) FILTER (WHERE a.visit_date < %s)
        FROM appointments a JOIN hospitals h ON h.id = a.hospital_id
        WHERE a.status = 'unverified'
        GROUP BY h.id ORDER BY min(a.visit_date), h.id
        """,
        (since,),
    )
    return [UnverifiedHospital(*row) for row in rows]


async def waiting_of_session(tx: Tx, session_id: int) -> list[int]:
    """The session's bookings that wait to be confirmed, by id."""
    rows = await tx.rows(
        """
        SELECT id FROM appointments WHERE clinic_session_id = %s AND status = 'unverified'
        ORDER BY id
        """,
        (session_id,),
    )
    return [row[0] for row in rows]
