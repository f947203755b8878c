"""A hospital's booking rules with the dates from which they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_ASKED, RULES_COLUMNS, hospital_rules
from guahao.store.kernel.db import Tx

_COLUMNS = """
    cycle_days, release_time, next_day_stop_time, cancel_days_before, cancel_time,
    pickup_until_morning, pickup_until_afternoon, pickup_until_evening, checked_only
"""


@dataclass(frozen=True, slots=True)
class DatedRules:
    """Rules and the first day on which they hold."""

    holds_from: date
    rules: HospitalRules


async def lock_hospital(tx: Tx, hospital_id: int) -> bool:
    """Whoever changes a hospital's rules waits for whoever does; False if unknown."""
    row = await tx.row("SELECT 1 FROM hospitals WHERE id = %s FOR NO KEY UPDATE", (hospital_id,))
    return row is not None


async def lock_hospitals(tx: Tx, codes: Sequence[str]) -> None:
    """The same for many, in order of id."""
    await tx.do(
        "SELECT 1 FROM hospitals WHERE code = ANY(%s::text[]) ORDER BY id FOR NO KEY UPDATE",
        (list(codes),),
    )


async def of_all(tx: Tx, day: date) -> dict[int, HospitalRules]:
    """Each hospital's rules on the day, by its id."""
    rows = await tx.rows(f"SELECT h.id, {RULES_COLUMNS} FROM hospitals h {RULES_ASKED}", (day,))
    return {row[0]: hospital_rules(row[1:]) for row in rows}


async def in_force(tx: Tx, hospital_id: int, day: date) -> HospitalRules | None:
    """The rules that hold on the day; None where there is no such hospital."""
    row = await tx.row(
        f"SELECT {RULES_COLUMNS} FROM hospitals h {RULES_ASKED} WHERE h.id = %s",
        (day, hospital_id),
    )
    return None if row is None else hospital_rules(row)


async def dated(tx: Tx, hospital_id: int, after: date) -> list[DatedRules]:
    """The rules that begin to hold after the day, the next first."""
    rows = await tx.rows(
        f"""
        SELECT holds_from, {_COLUMNS} FROM hospital_rules
        WHERE hospital_id = %s AND holds_from > %s ORDER BY holds_from
        """,
        (hospital_id, after),
    )
    return [DatedRules(row[0], hospital_rules(row[1:])) for row in rows]


async def put(tx: Tx, hospital_id: int, dated_rules: DatedRules) -> None:
    """Rules from a date on; those already kept for that very date are replaced."""
    await tx.do(
        f"""
        INSERT INTO hospital_rules (hospital_id, holds_from, {_COLUMNS})
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (hospital_id, holds_from) DO UPDATE SET ({_COLUMNS}) = ROW (
            excluded.cycle_days, excluded.release_time, excluded.next_day_stop_time,
            excluded.cancel_days_before, excluded.cancel_time, excluded.pickup_until_morning,
            excluded.pickup_until_afternoon, excluded.pickup_until_evening,
            excluded.checked_only)
        """,
        (hospital_id, dated_rules.holds_from, *astuple(dated_rules.rules)),
    )


async def withdraw(tx: Tx, hospital_id: int, holds_from: date) -> HospitalRules | None:
    """Remove the rules that would hold from that date; they, or None if there were none."""
    row = await tx.row(
        f"""
        DELETE FROM hospital_rules WHERE hospital_id = %s AND holds_from = %s
        RETURNING {_COLUMNS}
        """,
        (hospital_id, holds_from),
    )
    return None if row is None else hospital_rules(row)
