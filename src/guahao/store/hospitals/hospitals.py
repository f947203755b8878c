"""Hospitals as the administrator edits them: their entries, and the rules they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from guahao.rules.hospitals.hospitals import HospitalFacts, HospitalRecord
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, parameters, take

_FACTS = columns(HospitalFacts)
_RECORD = f"""
    SELECT h.id, h.code,
           (SELECT count(*) FROM departments d
            WHERE d.hospital_id = h.id AND d.parent_id IS NOT NULL AND d.on_platform)
               AS departments,
           {columns(HospitalFacts, "h")}
    FROM hospitals h
"""
_ADD = f"""
    INSERT INTO hospitals (code, search_keys, {_FACTS}, {columns(HospitalRules)})
    VALUES (%(code)s, %(search_keys)s, {parameters(HospitalFacts)}, {parameters(HospitalRules)})
    RETURNING id
"""
_CHANGE = f"""
    UPDATE hospitals SET (search_keys, {_FACTS}) = (%(search_keys)s, {parameters(HospitalFacts)})
    WHERE id = %(id)s
"""


def _record(**row: Any) -> HospitalRecord:
    return HospitalRecord(facts=take(HospitalFacts, row), **row)


async def one(tx: Tx, hospital_id: int) -> HospitalRecord | None:
    """Return a hospital, or None."""
    return await tx.record(_record, f"{_RECORD} WHERE h.id = %(id)s", {"id": hospital_id})


async def every(tx: Tx) -> list[HospitalRecord]:
    """Return all hospitals, by code."""
    return await tx.records(_record, f"{_RECORD} ORDER BY h.code")


async def records(tx: Tx, ids: Sequence[int]) -> list[HospitalRecord]:
    """Return these hospitals, in this order."""
    return await tx.records(
        _record,
        f"""
        {_RECORD} WHERE h.id = ANY(%(ids)s::bigint[])
        ORDER BY array_position(%(ids)s::bigint[], h.id)
        """,
        {"ids": list(ids)},
    )


async def id_of_code(tx: Tx, code: str) -> int | None:
    """Return the id of the hospital with that very code, or None."""
    row = await tx.row("SELECT id FROM hospitals WHERE code = %(code)s", {"code": code})
    return None if row is None else int(row[0])


async def is_named(tx: Tx, name: str, besides: int) -> bool:
    """Return whether a hospital besides this one has the name."""
    row = await tx.row(
        "SELECT FROM hospitals WHERE name = %(name)s AND id <> %(besides)s",
        {"name": name, "besides": besides},
    )
    return row is not None


async def lock_directory(tx: Tx) -> None:
    """Lock out others who add or rename hospitals, until the commit.

    Readers, bookings and changes of rules do not wait.
    """
    await tx.do("SELECT pg_advisory_xact_lock(hashtext('guahao directory'))")


async def add(tx: Tx, code: str, facts: HospitalFacts, rules: HospitalRules) -> int:
    """Add a hospital with the rules it begins with; return its id."""
    row = await tx.row(_ADD, {"code": code, **_written(facts), **asdict(rules)})
    assert row is not None
    return int(row[0])


async def change(tx: Tx, hospital_id: int, facts: HospitalFacts) -> None:
    """Replace the entry under the same code."""
    await tx.do(_CHANGE, {"id": hospital_id, **_written(facts)})


def _written(facts: HospitalFacts) -> dict[str, object]:
    return {**asdict(facts), "search_keys": search_keys(facts.name, facts.district)}
