"""Hospitals and departments: what the citizen looks through first (S1, S5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.text import simplified, typed
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.records import names
from guahao.store.kernel.views import DepartmentView, HospitalView


def rules_columns(rules: str) -> str:
    """Return a hospital's rules, over h = hospitals and the alias of a `rules_on` join.

    `take_rules` reads them back.
    """
    # Where rules are dated, all of them hold: a NULL (the platform's three months) is one, too.
    return ", ".join(
        f"CASE WHEN {rules}.hospital_id IS NULL THEN h.{name} ELSE {rules}.{name} END AS {name}"
        for name in names(HospitalRules)
    )


def rules_text(rules: str) -> str:
    """Return a hospital's rules like `rules_columns`, as one text for `rules_of`.

    For rows that are many: nine columns of each session, seven of them times, took as long to
    read as all others.
    """
    own, dated = (
        f"ROW({', '.join(f'{alias}.{name}' for name in names(HospitalRules))})::text"
        for alias in ("h", rules)
    )
    return f"CASE WHEN {rules}.hospital_id IS NULL THEN {own} ELSE {dated} END"


def rules_on(day: str, rules: str = "r") -> str:
    """Return the join, after h = hospitals, that finds the rules in force on a day.

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
_HOSPITAL = f"""
    SELECT h.id, h.name, h.name_en, h.grade, h.district, h.address, h.phone, h.notice,
           h.pickup_place, h.address_en, h.pickup_place_en, h.notice_en, {RULES_COLUMNS}
    FROM hospitals h {rules_on("%(today)s::date")}
"""
_SEARCH = f"""
    {_HOSPITAL}
    WHERE h.id > %(after)s
      AND (%(q)s::text[] IS NULL OR h.name ILIKE ANY(%(q)s) OR h.name_en ILIKE ANY(%(q)s))
      AND (%(district)s::text IS NULL OR h.district = %(district)s)
      AND (%(grade)s::text IS NULL OR h.grade = %(grade)s)
    ORDER BY h.id
    LIMIT %(limit)s
"""
_DEPARTMENTS = """
    SELECT d.id, d.name, d.name_en, d.parent_id, parent.name AS parent_name
    FROM departments d LEFT JOIN departments parent ON parent.id = d.parent_id
    WHERE d.hospital_id = %(hospital_id)s AND d.on_platform
    ORDER BY coalesce(parent.position, d.position), coalesce(parent.code, d.code),
             d.parent_id NULLS FIRST, d.position, d.code
"""


def take_rules(row: dict[str, Any]) -> HospitalRules:
    """Make a hospital's rules of RULES_COLUMNS, which are removed from the row."""
    return _hospital_rules(tuple(row.pop(name) for name in names(HospitalRules)))


@lru_cache(1024)
def rules_of(text: str) -> HospitalRules:
    """Return a hospital's own rules from their `rules_text`."""
    cycle_days, release, stop, cancel_days, cancel, morning, afternoon, evening, checked_only = (
        text[1:-1].split(",")
    )
    return HospitalRules(
        int(cycle_days) if cycle_days else None,
        time.fromisoformat(release),
        time.fromisoformat(stop),
        int(cancel_days),
        time.fromisoformat(cancel),
        time.fromisoformat(morning),
        time.fromisoformat(afternoon),
        time.fromisoformat(evening),
        checked_only == "t",
    )


@lru_cache(1024)
def _hospital_rules(values: tuple[Any, ...]) -> HospitalRules:
    return HospitalRules(**dict(zip(names(HospitalRules), values, strict=True)))


async def search(
    tx: Tx, q: str | None, district: str | None, grade: str | None, after: int, limit: int
) -> list[HospitalView]:
    """Return hospitals with an id above `after`, in order of id; `q` is part of a name.

    In traditional characters it finds the simplified name, too.
    """
    patterns = None
    if q is not None:
        spellings = dict.fromkeys((typed(q), simplified(typed(q))))
        patterns = [f"%{escaped(spelling)}%" for spelling in spellings]
    return await tx.records(
        _view,
        _SEARCH,
        {
            "today": tx.now.date(),
            "q": patterns,
            "district": district,
            "grade": grade,
            "after": after,
            "limit": limit,
        },
    )


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a hospital is, as far as it says so, and its phone."""

    address: str
    address_en: str
    phone: str
    latitude: float | None
    longitude: float | None


async def whereabouts(tx: Tx, hospital_id: int) -> Whereabouts | None:
    """Return where a hospital is; None if there is none."""
    return await tx.record(
        Whereabouts,
        """
        SELECT address, address_en, phone, latitude, longitude FROM hospitals WHERE id = %(id)s
        """,
        {"id": hospital_id},
    )


async def hospital(tx: Tx, hospital_id: int) -> HospitalView | None:
    """Return a hospital with the rules in force today, or None."""
    found = await hospitals(tx, [hospital_id])
    return found[0] if found else None


async def hospitals(tx: Tx, hospital_ids: Sequence[int]) -> list[HospitalView]:
    """Return these hospitals with the rules in force today, by id; unknown ids are left out."""
    return await tx.records(
        _view,
        f"{_HOSPITAL} WHERE h.id = ANY(%(ids)s::bigint[]) ORDER BY h.id",
        {"today": tx.now.date(), "ids": array(hospital_ids)},
    )


def _view(**row: Any) -> HospitalView:
    return HospitalView(rules=take_rules(row), **row)


async def departments(tx: Tx, hospital_id: int) -> list[DepartmentView]:
    """Return a hospital's departments on the platform, each first-level one before its own."""
    return await tx.records(DepartmentView, _DEPARTMENTS, {"hospital_id": hospital_id})


def escaped(text: str) -> str:
    """Return the text so that LIKE takes it literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
