"""What the demo's draws read and write of the invented city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class FullSession:
    """A full session, and a booking of it that its patient can cancel."""

    id: int
    department_id: int
    visit_date: date
    appointment_id: int


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person without a booking, and their account."""

    account_id: int
    patient_id: int


async def full_sessions(
    tx: Tx, first: date, last: date, booked_before: datetime
) -> list[FullSession]:
    """Return a full session of each department on each date, the earliest first."""
    return await tx.records(
        FullSession,
        """
        SELECT DISTINCT ON (s.visit_date, s.department_id)
               s.id, s.department_id, s.visit_date, a.id AS appointment_id
        FROM clinic_sessions s
        JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
                           AND a.booked_at < %(booked_before)s
        WHERE s.visit_date BETWEEN %(first)s AND %(last)s AND s.stopped_at IS NULL
          AND s.booked = s.capacity
        ORDER BY s.visit_date, s.department_id, s.id, a.id
        """,
        {"first": first, "last": last, "booked_before": booked_before},
    )


async def applicants(tx: Tx, limit: int) -> list[Applicant]:
    """Return invented people who have no visit to come."""
    return await tx.records(
        Applicant,
        """
        SELECT DISTINCT ON (p.account_id) p.account_id, p.id AS patient_id
        FROM patients p
        WHERE p.account_id IS NOT NULL AND p.suspended_until IS NULL AND p.checked_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM appointments a
                          WHERE a.patient_id = p.id AND a.visit_date > %(month_ago)s)
        ORDER BY p.account_id DESC, p.id LIMIT %(limit)s
        """,
        {"month_ago": tx.now.date().replace(day=1), "limit": limit},
    )


async def contested_sessions(tx: Tx, title: str, limit: int) -> dict[int, list[int]]:
    """Return the sessions of a title at some hospitals that release a few days ahead."""
    rows = await tx.rows(
        """
        SELECT s.hospital_id, array_agg(s.id ORDER BY s.id)
        FROM clinic_sessions s JOIN hospitals h ON h.id = s.hospital_id
        WHERE h.cycle_days IS NOT NULL AND s.title = %(title)s AND s.stopped_at IS NULL
          AND s.visit_date > %(today)s + h.cycle_days
        GROUP BY s.hospital_id ORDER BY s.hospital_id LIMIT %(limit)s
        """,
        {"title": title, "today": tx.now.date(), "limit": limit},
    )
    return dict(rows)


async def draw_title(tx: Tx, hospital_id: int, title: str, holds_from: date) -> None:
    """Let a hospital give out the places of a title by draws."""
    await tx.do(
        """
        INSERT INTO release_modes (hospital_id, title, mode, referral_percent, holds_from, reason,
                                   decided_by, decided_at)
        VALUES (%(hospital_id)s, %(title)s, 'draw', 10, %(holds_from)s,
                '放号五分钟内约满（演示）', 'demo', %(now)s)
        """,
        {"hospital_id": hospital_id, "title": title, "holds_from": holds_from, "now": tx.now},
    )


async def draws_to_come(tx: Tx) -> list[tuple[int, date, date]]:
    """Return the departments with held places, and the first and the last visit date of these."""
    rows = await tx.rows(
        """
        SELECT s.department_id, min(s.visit_date), max(s.visit_date)
        FROM clinic_sessions s
        WHERE s.held > 0 AND s.draw_at <= %(now)s + interval '3 days'
        GROUP BY 1 ORDER BY 1
        """,
        {"now": tx.now},
    )
    return [(department_id, first, last) for department_id, first, last in rows]


async def record_earlier_returns(tx: Tx, since: datetime) -> None:
    """Record the places that came back in the invented past, all to sessions with free ones."""
    await tx.do(
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, free_before,
                                 released_at)
        SELECT clinic_session_id, 1, 'cancelled', changed_at, 1, changed_at
        FROM appointments a
        WHERE status = 'cancelled' AND changed_at >= %(since)s
          AND NOT EXISTS (SELECT FROM held_places p
                          WHERE p.clinic_session_id = a.clinic_session_id
                            AND p.held_at = a.changed_at)
        """,
        {"since": since},
    )
