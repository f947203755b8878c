"""Booking requests by their answer: what the law refused, and why. Of the city only."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.reports.scope import ReportScope
from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import CITY_DAY, Grouping, Key, days_of, of_place

BOOKED = "booked"
_KEYS = {
    Grouping.REASON: "''",
    Grouping.DAY: CITY_DAY.format("r.decided_at"),
    Grouping.HOSPITAL: "s.hospital_id",
    Grouping.DEPARTMENT: "s.department_id",
    Grouping.TITLE: "s.title",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """How many requests of a group were given an answer: `booked`, or a refusal's word."""

    key: Key
    outcome: str
    requests: int


async def by_outcome(tx: Tx, scope: ReportScope, grouping: Grouping) -> list[Answers]:
    """Count requests decided on the scope's days; of hospitals, those whose session is known."""
    place = of_place(scope, "s")
    grouped = grouping not in (Grouping.REASON, Grouping.DAY)
    joined = grouped or bool(place.params)
    return await tx.records(
        Answers,
        f"""
        SELECT {_KEYS[grouping]} AS key, r.outcome, count(*) AS requests
        FROM booking_requests r
        {"JOIN clinic_sessions s ON s.id = r.clinic_session_id" if joined else ""}
        WHERE r.decided_at >= %(from)s AND r.decided_at < %(until)s {place.sql}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {**days_of(scope), **place.params},
    )
