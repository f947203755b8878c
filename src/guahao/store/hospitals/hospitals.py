"""Hospitals as the administrator keeps them: their entries, and the rules they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from guahao.rules.hospitals.hospitals import HospitalFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class HospitalRecord:
    """A hospital's entry; `departments`: how many that patients can book."""

    id: int
    code: str
    departments: int
    facts: HospitalFacts


_FACTS = """
    name, name_en, grade, district, district_en, address, phone, notice, pickup_place
"""
_RULES = """
    cycle_days, release_time, next_day_stop_time, cancel_days_before, cancel_time,
    pickup_until_morning, pickup_until_afternoon, pickup_until_evening, checked_only
"""
_RECORD = f"""
    SELECT h.id, h.code,
           (SELECT count(*) FROM departments d
            WHERE d.hospital_id = h.id AND d.parent_id IS NOT NULL AND d.on_platform),
           {_FACTS}
    FROM hospitals h
"""


def _record(row: Sequence[object]) -> HospitalRecord:
    return HospitalRecord(*[*row[:3], HospitalFacts(*row[3:])])  # type: ignore[arg-type]


async def one(tx: Tx, hospital_id: int) -> HospitalRecord | None:
    """A hospital, or None."""
    row = await tx.row(f"{_RECORD} WHERE h.id = %s", (hospital_id,))
    return None if row is None else _record(row)


async def every(tx: Tx) -> list[HospitalRecord]:
    """All hospitals, by code."""
    return [_record(row) for row in await tx.rows(f"{_RECORD} ORDER BY h.code")]


async def records(tx: Tx, ids: Sequence[int]) -> list[HospitalRecord]:
    """These hospitals, in this order."""
    rows = await tx.rows(
        f"{_RECORD} WHERE h.id = ANY(%s::bigint[]) ORDER BY array_position(%s::bigint[], h.id)",
        (list(ids), list(ids)),
    )
    return [_record(row) for row in rows]


async def id_of_code(tx: Tx, code: str) -> int | None:
    """The hospital of that very code, or None."""
    row = await tx.row("SELECT id FROM hospitals WHERE code = %s", (code,))
    return None if row is None else int(row[0])


async def is_named(tx: Tx, name: str, besides: int) -> bool:
    """Whether another hospital has the name."""
    row = await tx.row("SELECT 1 FROM hospitals WHERE name = %s AND id <> %s", (name, besides))
    return row is not None


async def lock_directory(tx: Tx) -> None:
    """Whoever adds or renames hospitals waits for whoever does; until the commit.

    Readers, bookings and changes of rules do not wait.
    """
    await tx.do("SELECT pg_advisory_xact_lock(hashtext('guahao directory'))")


async def add(tx: Tx, code: str, facts: HospitalFacts, rules: HospitalRules) -> int:
    """A hospital with the rules it begins with; its id."""
    row = await tx.row(
        f"""
        INSERT INTO hospitals (code, search_keys, {_FACTS}, {_RULES})
        VALUES (%s, %s, {", ".join(["%s"] * 18)}) RETURNING id
        """,
        (code, search_keys(facts.name, facts.district), *astuple(facts), *astuple(rules)),
    )
    assert row is not None
    return int(row[0])


async def change(tx: Tx, hospital_id: int, facts: HospitalFacts) -> None:
    """Another entry under the same code."""
    await tx.do(
        f"UPDATE hospitals SET (search_keys, {_FACTS}) = (%s, {', '.join(['%s'] * 9)})"
        " WHERE id = %s",
        (search_keys(facts.name, facts.district), *astuple(facts), hospital_id),
    )
