"""What overviews show beyond the reports. Bounded windows, by indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.reports.today import ExpectedBookings
from guahao.store.kernel.db import Tx

# A session is found by its department and day: there is no index by hospital.
_OF_HOSPITAL = "s.department_id IN (SELECT id FROM departments WHERE hospital_id = %(hospital_id)s)"


async def expected(tx: Tx, hospital_id: int, day: date) -> list[ExpectedBookings]:
    """Return a hospital's bookings of a day by department, period and hour."""
    return await tx.records(
        ExpectedBookings,
        f"""
        SELECT d.id AS department_id, d.name AS department_name, d.name_en AS department_name_en,
               s.period, extract(hour FROM s.starts_at)::int AS hour,
               count(*) FILTER (WHERE a.status = 'booked') AS waiting,
               count(*) FILTER (WHERE a.status = 'picked_up') AS arrived,
               count(*) FILTER (WHERE a.status IN ('no_show', 'unverified')) AS missing
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        JOIN appointments a ON a.clinic_session_id = s.id
                           AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
        WHERE s.visit_date = %(day)s AND {_OF_HOSPITAL}
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 1, 4, 5
        """,
        {"hospital_id": hospital_id, "day": day},
    )


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stopped session of the coming days. `bookings`: that were stopped with it."""

    visit_date: date
    period: str
    department_name: str
    department_name_en: str
    title: str
    bookings: int


async def stopped(tx: Tx, hospital_id: int, first: date, last: date) -> list[Stopped]:
    """Return a hospital's stopped sessions of these days, the soonest first."""
    return await tx.records(
        Stopped,
        f"""
        SELECT s.visit_date, s.period, d.name AS department_name, d.name_en AS department_name_en,
               s.title, (SELECT count(*) FROM appointments a
                         WHERE a.clinic_session_id = s.id AND a.status = 'stopped') AS bookings
        FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
        WHERE s.visit_date BETWEEN %(first)s AND %(last)s AND s.stopped_at IS NOT NULL
          AND {_OF_HOSPITAL}
        ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period), d.name
        """,
        {"hospital_id": hospital_id, "first": first, "last": last},
    )


@dataclass(frozen=True, slots=True)
class Silence:
    """When a hospital's system last called, and its last day with a pick-up; None: never."""

    hospital_id: int
    name: str
    name_en: str
    is_connected: bool
    called_at: datetime | None
    picked_up_on: date | None


async def silences(tx: Tx, today: date) -> list[Silence]:
    """Return what was last heard of every hospital that has sessions today or later.

    Each by a look at the end of an index.
    """
    return await tx.records(
        Silence,
        """
        SELECT h.id AS hospital_id, h.name, h.name_en,
               EXISTS (SELECT FROM hospital_clients c
                       WHERE c.hospital_id = h.id AND c.disabled_at IS NULL) AS is_connected,
               (SELECT c.at FROM hospital_calls c WHERE c.hospital_id = h.id
                ORDER BY c.id DESC LIMIT 1) AS called_at,
               (SELECT a.visit_date FROM appointments a
                WHERE a.hospital_id = h.id AND a.status = 'picked_up'
                ORDER BY a.visit_date DESC LIMIT 1) AS picked_up_on
        FROM hospitals h
        WHERE EXISTS (SELECT FROM departments d
                      WHERE d.hospital_id = h.id AND d.on_platform
                        -- OFFSET keeps it a look into the index for each department, where a
                        -- join would read every session to come.
                        AND EXISTS (SELECT FROM clinic_sessions s
                                    WHERE s.department_id = d.id AND s.visit_date >= %(today)s
                                    OFFSET 0))
        ORDER BY h.id
        """,
        {"today": today},
    )


@dataclass(frozen=True, slots=True)
class Expiring:
    """An old key of a hospital's system that ends soon."""

    hospital_id: int
    name: str
    name_en: str
    client: str
    expires_at: datetime


async def expiring_keys(tx: Tx, until: datetime) -> list[Expiring]:
    """Return the old keys of hospitals' systems that end by then."""
    return await tx.records(
        Expiring,
        """
        SELECT h.id AS hospital_id, h.name, h.name_en, c.name AS client, k.expires_at
        FROM hospital_client_secrets k
        JOIN hospital_clients c ON c.id = k.hospital_client_id AND c.disabled_at IS NULL
        JOIN hospitals h ON h.id = c.hospital_id
        WHERE k.expires_at > %(now)s AND k.expires_at <= %(until)s
        ORDER BY k.expires_at
        """,
        {"now": tx.now, "until": until},
    )


@dataclass(frozen=True, slots=True)
class Appeals:
    """No-shows that were excused after an appeal, and accounts that wait for a review."""

    excused: int
    reviews_open: int


async def appeals(tx: Tx, since: datetime) -> Appeals:
    """Count the appeals upheld since then, and open reviews of accounts."""
    found = await tx.record(
        Appeals,
        """
        SELECT (SELECT count(*) FROM no_show_excuses
                WHERE excused_at >= %(since)s AND withdrawn_at IS NULL) AS excused,
               (SELECT count(*) FROM account_reviews WHERE decided_at IS NULL) AS reviews_open
        """,
        {"since": since},
    )
    assert found is not None
    return found
