"""The swap index: how often a returned place of a full session is booked again within seconds.

Somebody who cancels and rebooks under another name in the same moment hands a place on, past all
others who wait. People who find a free place by chance need longer than ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.reports.scope import ReportScope
from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import CITY_DAY, Grouping, Key, days_of, of_place

SECONDS = 10  # within which a place was rebooked too soon to have been found

_KEYS = {
    Grouping.DAY: CITY_DAY.format("at"),
    Grouping.HOSPITAL: "hospital_id",
    Grouping.DEPARTMENT: "department_id",
    Grouping.CHANNEL: "channel",
    Grouping.STAFF: "coalesce(canceller, '')",
}


@dataclass(frozen=True, slots=True)
class Swaps:
    """The returned places of full sessions in a group, and how many were rebooked in seconds.

    The key by staff is a member's name, empty where the patient or a hospital's system cancelled.
    """

    key: Key
    returned: int
    rebooked: int


async def count(tx: Tx, scope: ReportScope, grouping: Grouping) -> list[Swaps]:
    """Count the cancellations on the scope's days of bookings whose session was full.

    A session was full when as many bookings lived as it has places now: places that a hospital
    added or took away since then are not known.
    """
    place = of_place(scope, "a")
    rows = await tx.rows(
        f"""
        WITH returned AS MATERIALIZED (
            SELECT a.id, a.clinic_session_id, a.hospital_id, a.department_id, a.channel,
                   a.changed_at AS at
            FROM appointments a JOIN clinic_sessions s ON s.id = a.clinic_session_id
            WHERE a.status = 'cancelled' AND a.changed_at >= %(from)s
              AND a.changed_at < %(until)s {place.sql}
              AND s.capacity <= (
                  SELECT count(*) FROM appointments o
                  WHERE o.clinic_session_id = a.clinic_session_id AND o.booked_at < a.changed_at
                    AND (o.status NOT IN ('cancelled', 'stopped') OR o.changed_at >= a.changed_at))
        ), judged AS (
            SELECT r.*, t.canceller, EXISTS (
                SELECT FROM appointments o
                WHERE o.clinic_session_id = r.clinic_session_id AND o.id <> r.id
                  AND o.booked_at BETWEEN r.at AND r.at + make_interval(secs => {SECONDS})
            ) AS is_rebooked
            FROM returned r LEFT JOIN LATERAL (
                SELECT CASE WHEN who_kind = 'staff' THEN who_name ELSE '' END AS canceller
                FROM audit_trail
                WHERE subject_kind = 'appointment' AND subject_id = r.id
                  AND action = 'cancel_appointment'
                ORDER BY seq DESC LIMIT 1
            ) t ON true
        )
        SELECT {_KEYS[grouping]}, count(*), count(*) FILTER (WHERE is_rebooked)
        FROM judged GROUP BY 1 ORDER BY 1
        """,
        {**days_of(scope), **place.params},
    )
    return [Swaps(key, returned, rebooked) for key, returned, rebooked in rows]
