"""Bookings by what became of them, and how long before the visit they were made."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.reports.scope import ReportScope
from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import CITY_DAY, Basis, Grouping, Key, of_bookings

_DAYS = {Basis.VISIT: "a.visit_date", Basis.MADE: CITY_DAY.format("a.booked_at")}
_KEYS = {
    Grouping.HOSPITAL: "a.hospital_id",
    Grouping.DEPARTMENT: "a.department_id",
    Grouping.TITLE: "s.title",
    Grouping.CHANNEL: "a.channel",
}
_LEAD = f"a.visit_date - {CITY_DAY.format('a.booked_at')}"


@dataclass(frozen=True, slots=True)
class Statuses:
    """How many bookings of a group have which status."""

    key: Key
    booked: int
    picked_up: int
    cancelled: int
    no_show: int
    unverified: int
    stopped: int

    @property
    def made(self) -> int:
        """Return how many were made, of any status now."""
        return (
            self.booked
            + self.picked_up
            + self.cancelled
            + self.no_show
            + self.unverified
            + self.stopped
        )


@dataclass(frozen=True, slots=True)
class LeadCount:
    """How many bookings of a group were made so many days before their visit."""

    key: Key
    days: int
    made: int


async def by_status(tx: Tx, scope: ReportScope, basis: Basis, grouping: Grouping) -> list[Statuses]:
    """Count the scope's bookings by group and status; groups without any are left out."""
    wanted = of_bookings(scope, basis)
    return await tx.records(
        Statuses,
        f"""
        SELECT {_key(basis, grouping)} AS key,
               count(*) FILTER (WHERE a.status = 'booked') AS booked,
               count(*) FILTER (WHERE a.status = 'picked_up') AS picked_up,
               count(*) FILTER (WHERE a.status = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE a.status = 'no_show') AS no_show,
               count(*) FILTER (WHERE a.status = 'unverified') AS unverified,
               count(*) FILTER (WHERE a.status = 'stopped') AS stopped
        {_from(grouping)} WHERE {wanted.sql} GROUP BY 1 ORDER BY 1
        """,
        wanted.params,
    )


async def lead_counts(
    tx: Tx, scope: ReportScope, basis: Basis, grouping: Grouping
) -> list[LeadCount]:
    """Count the scope's bookings by group and days from booking to visit, in order of both.

    Bookings made after their visit, which only a faulty takeover of old data has, are left out:
    they say nothing about how early people book.
    """
    wanted = of_bookings(scope, basis)
    return await tx.records(
        LeadCount,
        f"""
        SELECT {_key(basis, grouping)} AS key, {_LEAD} AS days, count(*) AS made
        {_from(grouping)} WHERE {wanted.sql} AND {_LEAD} >= 0 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        wanted.params,
    )


def _key(basis: Basis, grouping: Grouping) -> str:
    return _DAYS[basis] if grouping is Grouping.DAY else _KEYS[grouping]


def _from(grouping: Grouping) -> str:
    if grouping is Grouping.TITLE:
        return "FROM appointments a JOIN clinic_sessions s ON s.id = a.clinic_session_id"
    return "FROM appointments a"
