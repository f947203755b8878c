"""A department and its clinic sessions of a few days, in one query: the page read most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_ASKED, RULES_COLUMNS, hospital_rules
from guahao.store.kernel.db import Tx


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

    @property
    def remaining(self) -> int:
        """Places left."""
        return self.capacity - self.booked


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
    SELECT h.id, h.name, h.name_en, d.id, d.name, d.name_en, {RULES_COLUMNS},
           s.id, s.title, s.specialty, s.visit_date, s.period, s.starts_at, s.ends_at,
           s.fee_fen, s.capacity, s.booked, s.stopped_at IS NOT NULL
    FROM departments d
    JOIN hospitals h ON h.id = d.hospital_id
    {RULES_ASKED}
    LEFT JOIN clinic_sessions s ON s.department_id = d.id AND s.hospital_id = d.hospital_id
                               AND s.visit_date BETWEEN %s AND %s
    WHERE d.id = %s AND d.on_platform
    ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
             s.starts_at NULLS FIRST, s.fee_fen DESC, s.title, s.specialty, s.id
"""
_RULES = slice(6, 15)  # the columns of a row that are the hospital's rules


async def department_days(
    tx: Tx, department_id: int, first: date, last: date
) -> DepartmentDays | None:
    """Both days included; None where there is no such department on the platform."""
    rows = await tx.rows(_DAYS, (tx.now.date(), first, last, department_id))
    if not rows:
        return None
    rules = hospital_rules(rows[0][_RULES])
    slots = [Slot(*row[_RULES.stop :]) for row in rows if row[_RULES.stop] is not None]
    return DepartmentDays(*[*rows[0][: _RULES.start], rules, slots])
