"""A hospital's booking rules with the dates from which they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from guahao.rules.hospitals.hospital_rules import DatedRules
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, parameters

_COLUMNS = columns(HospitalRules)
_IN_FORCE = f"SELECT h.id, {RULES_COLUMNS} FROM hospitals h {rules_on('%(day)s::date')}"
_PUT = f"""
    INSERT INTO hospital_rules (hospital_id, holds_from, {_COLUMNS})
    VALUES (%(hospital_id)s, %(holds_from)s, {parameters(HospitalRules)})
    ON CONFLICT (hospital_id, holds_from) DO UPDATE
    SET ({_COLUMNS}) = ROW ({columns(HospitalRules, "excluded")})
"""


async def lock_hospital(tx: Tx, hospital_id: int) -> bool:
    """Lock a hospital for a change of its rules; return False where there is none."""
    row = await tx.row(
        "SELECT FROM hospitals WHERE id = %(id)s FOR NO KEY UPDATE", {"id": hospital_id}
    )
    return row is not None


async def lock_hospitals(tx: Tx, codes: Sequence[str]) -> None:
    """Lock many hospitals, in order of id."""
    await tx.do(
        "SELECT FROM hospitals WHERE code = ANY(%(codes)s::text[]) ORDER BY id FOR NO KEY UPDATE",
        {"codes": list(codes)},
    )


async def of_all(tx: Tx, day: date) -> dict[int, HospitalRules]:
    """Return each hospital's rules on the day, by its id."""
    return dict(await tx.records(_by_hospital, _IN_FORCE, {"day": day}))


async def in_force(tx: Tx, hospital_id: int, day: date) -> HospitalRules | None:
    """Return the rules that hold on the day, None where there is no such hospital."""
    found = await tx.record(
        _by_hospital,
        f"{_IN_FORCE} WHERE h.id = %(hospital_id)s",
        {"hospital_id": hospital_id, "day": day},
    )
    return None if found is None else found[1]


def _by_hospital(*, id: int, **row: Any) -> tuple[int, HospitalRules]:
    return id, take_rules(row)


async def dated(tx: Tx, hospital_id: int, after: date) -> list[DatedRules]:
    """Return the rules that begin to hold after the day, the next first."""
    return await tx.records(
        _dated,
        f"""
        SELECT holds_from, {_COLUMNS} FROM hospital_rules
        WHERE hospital_id = %(hospital_id)s AND holds_from > %(after)s ORDER BY holds_from
        """,
        {"hospital_id": hospital_id, "after": after},
    )


def _dated(*, holds_from: date, **row: Any) -> DatedRules:
    return DatedRules(holds_from, take_rules(row))


async def put(tx: Tx, hospital_id: int, new: DatedRules) -> None:
    """Save rules from a date on, in place of those already saved for that very date."""
    await tx.do(
        _PUT, {"hospital_id": hospital_id, "holds_from": new.holds_from, **asdict(new.rules)}
    )


async def on_date(tx: Tx, hospital_id: int, holds_from: date) -> HospitalRules | None:
    """Return the rules that begin to hold on that very date, None where none do."""
    return await tx.record(
        HospitalRules,
        f"""
        SELECT {_COLUMNS} FROM hospital_rules
        WHERE hospital_id = %(hospital_id)s AND holds_from = %(holds_from)s
        """,
        {"hospital_id": hospital_id, "holds_from": holds_from},
    )


async def withdraw(tx: Tx, hospital_id: int, holds_from: date) -> None:
    """Delete the rules that would hold from that date."""
    await tx.do(
        """
        DELETE FROM hospital_rules
        WHERE hospital_id = %(hospital_id)s AND holds_from = %(holds_from)s
        """,
        {"hospital_id": hospital_id, "holds_from": holds_from},
    )
