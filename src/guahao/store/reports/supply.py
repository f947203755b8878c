"""How full the supply is, and how soon after its release it was gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.reports.scope import ReportScope
from guahao.store.hospitals.directory import take_rules
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.records import columns
from guahao.store.reports.scope import Grouping, Key, days_of, of_place

# What the platform offers: not stopped, with places, in a department that is on it.
_OFFERED = """
    FROM clinic_sessions s JOIN departments d ON d.id = s.department_id AND d.on_platform
    WHERE s.visit_date BETWEEN %(first)s AND %(last)s AND s.stopped_at IS NULL AND s.capacity > 0
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


async def fill(tx: Tx, scope: ReportScope, row: Axis, column: Axis) -> list[Fill]:
    """Count places where the two meet; what is not offered there is left out."""
    place = of_place(scope, "s")
    return await tx.records(
        Fill,
        f"""
        SELECT {_AXES[row]} AS row, {_AXES[column]} AS column, sum(s.booked) AS booked,
               sum(s.capacity) AS capacity
        {_OFFERED} {place.sql} GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {**days_of(scope), **place.params},
    )


# Release ------------------------------------------------------------------------------------

_RULES = columns(HospitalRules)


async def rules_held(
    tx: Tx, hospital_id: int | None
) -> dict[int, list[tuple[date, HospitalRules]]]:
    """Return each hospital's rules with the first day on which they hold (decision 0008)."""
    rows = await tx.records(
        _held,
        f"""
        SELECT hospital_id, holds_from, {_RULES} FROM hospital_rules
        WHERE hospital_id = coalesce(%(hospital_id)s, hospital_id)
        UNION ALL
        SELECT id, date '0001-01-01', {_RULES} FROM hospitals
        WHERE id = coalesce(%(hospital_id)s, id)
        ORDER BY hospital_id, holds_from
        """,
        {"hospital_id": hospital_id},
    )
    held: dict[int, list[tuple[date, HospitalRules]]] = {}
    for hospital, holds_from, rules in rows:
        held.setdefault(hospital, []).append((holds_from, rules))
    return held


def _held(*, hospital_id: int, holds_from: date, **row: Any) -> tuple[int, date, HospitalRules]:
    return hospital_id, holds_from, take_rules(row)


@dataclass(frozen=True, slots=True)
class Released:
    """Visit dates of a hospital, both included, that have been released."""

    hospital_id: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class SoldOutSession:
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
    tx: Tx, scope: ReportScope, released: Sequence[Released], grouping: Grouping
) -> dict[Key, int]:
    """Count the sessions of these dates by group."""
    place = of_place(scope, "s")
    rows = await tx.rows(
        f"""
        SELECT {_GROUPS[grouping]}, count(*)
        FROM (SELECT s.* {_OFFERED} {place.sql}) s
        JOIN json_to_recordset(%(released)s::json) AS r (hospital_id bigint, first date, last date)
          ON r.hospital_id = s.hospital_id AND s.visit_date BETWEEN r.first AND r.last
        GROUP BY 1
        """,
        {
            **days_of(scope),
            **place.params,
            "released": recordset([asdict(dates) for dates in released]),
        },
    )
    return dict(rows)


async def offered_by_date(
    tx: Tx, scope: ReportScope, department_ids: Sequence[int], titles: Sequence[str]
) -> dict[tuple[int, str], dict[date, int]]:
    """Count the sessions of each date, by department and title."""
    place = of_place(scope, "s")
    rows = await tx.rows(
        f"""
        SELECT s.department_id, s.title, s.visit_date, count(*) {_OFFERED} {place.sql}
          AND s.department_id = ANY(%(departments)s::bigint[]) AND s.title = ANY(%(titles)s::text[])
        GROUP BY 1, 2, 3
        """,
        {
            **days_of(scope),
            **place.params,
            "departments": list(department_ids),
            "titles": list(titles),
        },
    )
    found: dict[tuple[int, str], dict[date, int]] = {}
    for department_id, title, visit_date, sessions in rows:
        found.setdefault((department_id, title), {})[visit_date] = sessions
    return found


async def sold_out(tx: Tx, scope: ReportScope) -> list[SoldOutSession]:
    """Return every session of the scope that sold out, by id.

    A place is taken from its booking on, and given back by cancelling; a session is sold
    out at the first moment at which as many are taken as it has. Where nothing was given back,
    that is its last booking; else the steps are added up, those that give back before those of
    the same moment that take.
    """
    bookings, place = of_place(scope, "a"), of_place(scope, "s")
    return await tx.records(
        SoldOutSession,
        f"""
        WITH ever AS MATERIALIZED (
            SELECT a.clinic_session_id AS id, count(*) AS made, max(a.booked_at) AS latest,
                   bool_or(a.status IN ('cancelled', 'stopped')) AS given_back
            FROM appointments a
            WHERE a.visit_date BETWEEN %(first)s AND %(last)s {bookings.sql} GROUP BY 1
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
        SELECT f.id AS session_id, f.hospital_id, f.department_id, f.title, f.specialty,
               f.visit_date, f.period, f.capacity, coalesce(r.at, f.latest) AS sold_out_at
        FROM once_full f LEFT JOIN reached r ON r.id = f.id
        WHERE r.id IS NOT NULL OR NOT f.given_back
        ORDER BY f.id
        """,
        {**days_of(scope), **place.params},
    )


async def accounts_of(tx: Tx, session_ids: Sequence[int]) -> dict[int, int]:
    """Count the accounts that hold each session's places; a patient without one counts alone."""
    rows = await tx.rows(
        """
        SELECT a.clinic_session_id, count(DISTINCT coalesce(p.account_id, -p.id))
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.clinic_session_id = ANY(%(ids)s::bigint[])
          AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
        GROUP BY 1
        """,
        {"ids": list(session_ids)},
    )
    return dict(rows)
