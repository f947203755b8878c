"""Hospitals and departments: what the citizen looks through first (S1, S5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from guahao.rules.limits import HospitalRules
from guahao.store.db import Tx
from guahao.store.views import DepartmentView, HospitalView

# Over the alias h; `hospital_rules` reads them back. The order is HospitalRules' own.
RULES_COLUMNS = """
    h.cycle_days, h.release_time, h.next_day_stop_time, h.cancel_days_before, h.cancel_time,
    h.pickup_until_morning, h.pickup_until_afternoon, h.pickup_until_evening
"""
_HOSPITAL_COLUMNS = f"""
    h.id, h.name, h.name_en, h.grade, h.district, h.address, h.phone, h.notice, h.pickup_place,
    {RULES_COLUMNS}
"""
_HOSPITAL = f"SELECT {_HOSPITAL_COLUMNS} FROM hospitals h WHERE h.id = %s"
_SEARCH = f"""
    SELECT {_HOSPITAL_COLUMNS}
    FROM hospitals h, (SELECT %s::text AS q, %s::text AS district, %s::text AS grade) asked
    WHERE h.id > %s
      AND (asked.q IS NULL OR h.name ILIKE asked.q OR h.name_en ILIKE asked.q)
      AND (asked.district IS NULL OR h.district = asked.district)
      AND (asked.grade IS NULL OR h.grade = asked.grade)
    ORDER BY h.id
    LIMIT %s
"""
_DEPARTMENTS = """
    SELECT d.id, d.name, d.name_en, d.parent_id, parent.name
    FROM departments d LEFT JOIN departments parent ON parent.id = d.parent_id
    WHERE d.hospital_id = %s AND d.on_platform
    ORDER BY coalesce(parent.code, d.code), d.parent_id NULLS FIRST, d.code
"""


def hospital_rules(row_part: Sequence[Any]) -> HospitalRules:
    """A hospital's own rules from its RULES_COLUMNS."""
    return _hospital_rules(tuple(row_part))


@lru_cache(1024)
def _hospital_rules(values: tuple[Any, ...]) -> HospitalRules:
    return HospitalRules(*values)


async def search(
    tx: Tx, q: str | None, district: str | None, grade: str | None, after: int, limit: int
) -> list[HospitalView]:
    """Hospitals with an id above `after`, in order of id; `q` is part of a name."""
    pattern = None if q is None else f"%{escaped(q)}%"
    rows = await tx.rows(_SEARCH, (pattern, district, grade, after, limit))
    return [_hospital_view(row) for row in rows]


async def hospital(tx: Tx, hospital_id: int) -> HospitalView | None:
    """One hospital, or None."""
    row = await tx.row(_HOSPITAL, (hospital_id,))
    return None if row is None else _hospital_view(row)


async def departments(tx: Tx, hospital_id: int) -> list[DepartmentView]:
    """A hospital's departments on the platform, each first-level one before its own."""
    return [DepartmentView(*row) for row in await tx.rows(_DEPARTMENTS, (hospital_id,))]


def _hospital_view(row: Sequence[Any]) -> HospitalView:
    return HospitalView(*[*row[:9], hospital_rules(row[9:])])


def escaped(text: str) -> str:
    """Text that LIKE takes literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
