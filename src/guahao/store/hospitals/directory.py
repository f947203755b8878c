"""Hospitals and departments: what the citizen looks through first (S1, S5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.text import simplified, typed
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.views import DepartmentView, HospitalView


def rules_columns(rules: str) -> str:
    """A hospital's rules, over h = hospitals and the alias of a `rules_on` join.

    `hospital_rules` reads them back; the order is HospitalRules' own.
    """
    columns = (
        *("release_time", "next_day_stop_time", "cancel_days_before", "cancel_time"),
        *("pickup_until_morning", "pickup_until_afternoon", "pickup_until_evening"),
        "checked_only",
    )
    either = ", ".join(f"coalesce({rules}.{one}, h.{one}) AS {one}" for one in columns)
    # Without a number of days the platform's three months hold: NULL is a rule, too.
    cycle_days = f"CASE WHEN {rules}.hospital_id IS NULL THEN h.cycle_days ELSE {rules}.cycle_days"
    return f"{cycle_days} END AS cycle_days, {either}"


def rules_on(day: str, rules: str = "r") -> str:
    """The join, after h = hospitals, that finds the rules in force on a day.

    `day`: SQL for a date. The row with the greatest `holds_from` that is not later; before
    the first row the columns of `hospitals` hold. One look into the primary key.
    """
    return f"""
        LEFT JOIN LATERAL (SELECT * FROM hospital_rules
                           WHERE hospital_id = h.id AND holds_from <= {day}
                           ORDER BY holds_from DESC LIMIT 1) {rules} ON true
    """


RULES_COLUMNS = rules_columns("r")
RULES_ASKED = rules_on("%s::date")  # the first parameter of its statement
_HOSPITAL_COLUMNS = f"""
    h.id, h.name, h.name_en, h.grade, h.district, h.address, h.phone, h.notice, h.pickup_place,
    {RULES_COLUMNS}
"""
_HOSPITAL = f"SELECT {_HOSPITAL_COLUMNS} FROM hospitals h {RULES_ASKED} WHERE h.id = %s"
_HOSPITALS = f"""
    SELECT {_HOSPITAL_COLUMNS} FROM hospitals h {RULES_ASKED}
    WHERE h.id = ANY(%s::bigint[]) ORDER BY h.id
"""
_SEARCH = f"""
    SELECT {_HOSPITAL_COLUMNS}
    FROM hospitals h
    {RULES_ASKED}
    CROSS JOIN (SELECT %s::text[] AS q, %s::text AS district, %s::text AS grade) asked
    WHERE h.id > %s
      AND (asked.q IS NULL OR h.name ILIKE ANY(asked.q) OR h.name_en ILIKE ANY(asked.q))
      AND (asked.district IS NULL OR h.district = asked.district)
      AND (asked.grade IS NULL OR h.grade = asked.grade)
    ORDER BY h.id
    LIMIT %s
"""
_DEPARTMENTS = """
    SELECT d.id, d.name, d.name_en, d.parent_id, parent.name
    FROM departments d LEFT JOIN departments parent ON parent.id = d.parent_id
    WHERE d.hospital_id = %s AND d.on_platform
    ORDER BY coalesce(parent.position, d.position), coalesce(parent.code, d.code),
             d.parent_id NULLS FIRST, d.position, d.code
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
    """Return hospitals with an id above `after`, in order of id; `q` is part of a name.

    In traditional characters it finds the simplified name, too.
    """
    written = None if q is None else typed(q)
    patterns = (
        None
        if written is None
        else [f"%{escaped(part)}%" for part in dict.fromkeys((written, simplified(written)))]
    )
    rows = await tx.rows(_SEARCH, (tx.now.date(), patterns, district, grade, after, limit))
    return [_hospital_view(row) for row in rows]


async def hospital(tx: Tx, hospital_id: int) -> HospitalView | None:
    """One hospital with the rules in force today, or None."""
    row = await tx.row(_HOSPITAL, (tx.now.date(), hospital_id))
    return None if row is None else _hospital_view(row)


async def hospitals(tx: Tx, hospital_ids: Sequence[int]) -> list[HospitalView]:
    """Return these hospitals with the rules in force today, by id; unknown ids are left out."""
    rows = await tx.rows(_HOSPITALS, (tx.now.date(), array(hospital_ids)))
    return [_hospital_view(row) for row in rows]


async def departments(tx: Tx, hospital_id: int) -> list[DepartmentView]:
    """A hospital's departments on the platform, each first-level one before its own."""
    return [DepartmentView(*row) for row in await tx.rows(_DEPARTMENTS, (hospital_id,))]


def _hospital_view(row: Sequence[Any]) -> HospitalView:
    return HospitalView(*[*row[:9], hospital_rules(row[9:])])


def escaped(text: str) -> str:
    """Text that LIKE takes literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
