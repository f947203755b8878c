"""A department and its clinic sessions of a few days, in one query: the page read most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import take


@dataclass(frozen=True, slots=True)
class Slot:
    """A clinic session among others of its department. Money in 分."""

    id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int
    booked: int
    stopped: bool
    held: int  # places that wait for a draw, the first of them at `draw_at`
    reserved: int
    draw_at: datetime | None
    drawn: int  # of the held places, those that the first draw gives out
    is_release: bool  # whether that is the draw at the release
    is_added: bool  # whether its places were published or added late: none came back

    @property
    def remaining(self) -> int:
        """Return the places that can be booked."""
        return self.capacity - self.booked - self.held - self.reserved


@dataclass(frozen=True, slots=True)
class DepartmentDays:
    """A department, its hospital and the hospital's rules, and its sessions by date."""

    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str
    rules: HospitalRules
    slots: list[Slot]


# The department comes back even where it has no session on these days.
_DAYS = f"""
    SELECT h.id AS hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
           d.id AS department_id, d.name AS department_name, d.name_en AS department_name_en,
           {RULES_COLUMNS},
           s.id, s.title, s.specialty, s.visit_date, s.period, s.starts_at, s.ends_at,
           s.fee_fen, s.capacity, s.booked, s.stopped_at IS NOT NULL AS stopped,
           s.held, s.reserved, s.draw_at, coalesce(w.drawn, 0) AS drawn,
           coalesce(w.is_release, false) AS is_release, coalesce(w.is_added, false) AS is_added
    FROM departments d
    JOIN hospitals h ON h.id = d.hospital_id
    {rules_on("%(today)s::date")}
    LEFT JOIN clinic_sessions s ON s.department_id = d.id AND s.hospital_id = d.hospital_id
                               AND s.visit_date BETWEEN %(first)s AND %(last)s
    LEFT JOIN LATERAL (
        SELECT p.cause = 'release' AS is_release, sum(p.places)::int AS drawn,
               bool_and(p.cause IN ('published_late', 'capacity_raised')) AS is_added
        FROM held_places p
        WHERE p.clinic_session_id = s.id AND p.released_at IS NULL AND p.draw_at = s.draw_at
          AND p.places > 0
        GROUP BY 1 ORDER BY 1 DESC LIMIT 1
    ) w ON s.held > 0
    WHERE d.id = %(department_id)s AND d.on_platform
    ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
             s.starts_at NULLS FIRST, s.fee_fen DESC, s.title, s.specialty, s.id
"""


async def department_days(
    tx: Tx, department_id: int, first: date, last: date
) -> DepartmentDays | None:
    """Return its days, both included; None where no such department is on the platform."""
    rows: list[dict[str, Any]] = await tx.records(
        dict,
        _DAYS,
        {"today": tx.now.date(), "first": first, "last": last, "department_id": department_id},
    )
    if not rows:
        return None
    slots = [take(Slot, row) for row in rows if row["id"] is not None]
    head = {name: rows[0][name] for name in _DEPARTMENT}
    return DepartmentDays(rules=take_rules(rows[0]), slots=slots, **head)


_DEPARTMENT = (
    *("hospital_id", "hospital_name", "hospital_name_en"),
    *("department_id", "department_name", "department_name_en"),
)
