"""How full the supply is, and how soon after its release it was gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import hospital_rules
from guahao.store.kernel.db import Tx, recordset
from guahao.store.reports.scope import Grouping, Key, Scope, of_place

# What the platform offers: not stopped, with places, in a department that is on it.
_OFFERED = """
    FROM clinic_sessions s JOIN departments d ON d.id = s.department_id AND d.on_platform
    WHERE s.visit_date BETWEEN %s AND %s AND s.stopped_at IS NULL AND s.capacity > 0
"""


class Axis(StrEnum):
    """What a side of the heat map is."""

    HOSPITAL = "hospital"
    DEPARTMENT = "department"
    TITLE = "title"
    DATE = "date"
    WEEKDAY = "weekday"
    PERIOD = "period"


_AXES = {
    Axis.HOSPITAL: "s.hospital_id",
    Axis.DEPARTMENT: "s.department_id",
    Axis.TITLE: "s.title",
    Axis.DATE: "s.visit_date",
    Axis.WEEKDAY: "extract(isodow FROM s.visit_date)::int",
    Axis.PERIOD: "s.period",
}


@dataclass(frozen=True, slots=True)
class Fill:
    """Places taken and places offered where a row and a column meet."""

    row: Key
    column: Key
    booked: int
    capacity: int


async def fill(tx: Tx, scope: Scope, row: Axis, column: Axis) -> list[Fill]:
    """Where the two meet; what is not offered there is left out."""
    place = of_place(scope, "s")
    rows = await tx.rows(
        f"""
        SELECT {_AXES[row]}, {_AXES[column]}, sum(s.booked), sum(s.capacity)
        {_OFFERED} {place.sql} GROUP BY 1, 2 ORDER BY 1, 2
        """,
        (scope.first, scope.last, *place.params),
    )
    return [Fill(*row) for row in rows]


# Release ------------------------------------------------------------------------------------

_RULES = """
    release_time, next_day_stop_time, cancel_days_before, cancel_time,
    pickup_until_morning, pickup_until_afternoon, pickup_until_evening, checked_only
"""


async def rules_held(
    tx: Tx, hospital_id: int | None
) -> dict[int, list[tuple[date, HospitalRules]]]:
    """Each hospital's rules with the first day on which they hold, in order (decision 0008)."""
    rows = await tx.rows(
        f"""
        SELECT hospital_id, holds_from, cycle_days, {_RULES} FROM hospital_rules
        WHERE hospital_id = coalesce(%s, hospital_id)
        UNION ALL
        SELECT id, date '0001-01-01', cycle_days, {_RULES} FROM hospitals
        WHERE id = coalesce(%s, id)
        ORDER BY 1, 2
        """,
        (hospital_id, hospital_id),
    )
    held: dict[int, list[tuple[date, HospitalRules]]] = {}
    for row in rows:
        held.setdefault(row[0], []).append((row[1], hospital_rules(row[2:])))
    return held


@dataclass(frozen=True, slots=True)
class Released:
    """Visit dates of a hospital, both included, that have been released."""

    hospital_id: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Gone:
    """A session that sold out, and when its last place went."""

    session_id: int
    hospital_id: int
    department_id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    capacity: int
    sold_out_at: datetime


_GROUPS = {
    Grouping.HOSPITAL: "s.hospital_id",
    Grouping.DEPARTMENT: "s.department_id",
    Grouping.TITLE: "s.title",
}


async def offered(
    tx: Tx, scope: Scope, released: Sequence[Released], grouping: Grouping
) -> dict[Key, int]:
    """How many sessions of these dates each group has."""
    place = of_place(scope, "s")
    rows = await tx.rows(
        f"""
        SELECT {_GROUPS[grouping]}, count(*)
        FROM (SELECT s.* {_OFFERED} {place.sql}) s
        JOIN json_to_recordset(%s::json) AS r (hospital_id bigint, first date, last date)
          ON r.hospital_id = s.hospital_id AND s.visit_date BETWEEN r.first AND r.last
        GROUP BY 1
        """,
        (scope.first, scope.last, *place.params, recordset([asdict(one) for one in released])),
    )
    return {row[0]: row[1] for row in rows}


async def gone(tx: Tx, scope: Scope) -> list[Gone]:
    """Every session of the scope that sold out, by id.

    A place is taken from its booking on, and given back by whoever cancels; a session is sold
    out at the first moment at which as many are taken as it has. Where nothing was given back,
    that is its last booking; else the steps are added up, those that give back before those of
    the same moment that take.
    """
    bookings, place = of_place(scope, "a"), of_place(scope, "s")
    rows = await tx.rows(
        f"""
        WITH ever AS MATERIALIZED (
            SELECT a.clinic_session_id AS id, count(*) AS made, max(a.booked_at) AS latest,
                   bool_or(a.status IN ('cancelled', 'stopped')) AS given_back
            FROM appointments a
            WHERE a.visit_date BETWEEN %s AND %s {bookings.sql} GROUP BY 1
        ), once_full AS MATERIALIZED (
            SELECT s.*, e.latest, e.given_back
            FROM (SELECT s.* {_OFFERED} {place.sql}) s
            JOIN ever e ON e.id = s.id AND e.made >= s.capacity
        ), steps AS (
            SELECT f.id, f.capacity, e.at,
                   sum(e.step) OVER (PARTITION BY f.id ORDER BY e.at, e.step) AS taken
            FROM once_full f JOIN appointments a ON a.clinic_session_id = f.id
            CROSS JOIN LATERAL (VALUES (a.booked_at, 1), (a.changed_at, -1)) e (at, step)
            WHERE f.given_back AND (e.step = 1 OR a.status IN ('cancelled', 'stopped'))
        ), reached AS (
            SELECT id, min(at) AS at FROM steps WHERE taken >= capacity GROUP BY id
        )
        SELECT f.id, f.hospital_id, f.department_id, f.title, f.specialty, f.visit_date,
               f.period, f.capacity, coalesce(r.at, f.latest)
        FROM once_full f LEFT JOIN reached r ON r.id = f.id
        WHERE r.id IS NOT NULL OR NOT f.given_back
        ORDER BY f.id
        """,
        (scope.first, scope.last, *bookings.params, scope.first, scope.last, *place.params),
    )
    return [Gone(*row) for row in rows]


async def accounts_of(tx: Tx, session_ids: Sequence[int]) -> dict[int, int]:
    """How many accounts have the places of each session; a patient without one counts alone."""
    rows = await tx.rows(
        """
        SELECT a.clinic_session_id, count(DISTINCT coalesce(p.account_id, -p.id))
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.clinic_session_id = ANY(%s::bigint[])
          AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
        GROUP BY 1
        """,
        (list(session_ids),),
    )
    return {row[0]: row[1] for row in rows}
