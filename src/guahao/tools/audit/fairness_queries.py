"""What the audit reads of fair release: the places that came back, and the finished draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Returned:
    """Places that came back, as they were recorded."""

    id: int
    hospital_id: int
    department_id: int
    title: str
    visit_date: date
    held_at: datetime
    free_before: int
    was_free: bool
    rules: HospitalRules


async def returns(tx: Tx) -> list[Returned]:
    """Return every recorded return, with the hospital's rules of its day."""
    return await tx.records(
        _returned,
        f"""
        SELECT p.id, s.hospital_id, s.department_id, s.title, s.visit_date, p.held_at,
               p.free_before, p.released_at IS NOT DISTINCT FROM p.held_at AS was_free,
               {RULES_COLUMNS}
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("(p.held_at AT TIME ZONE 'Asia/Shanghai')::date")}
        WHERE p.free_before IS NOT NULL AND p.places > 0 ORDER BY p.id
        """,
    )


def _returned(**row: Any) -> Returned:
    rules = take_rules(row)
    return Returned(rules=rules, **row)


async def published_draws(tx: Tx) -> list[tuple[int, bytes]]:
    """Return the finished draws, with the hash of the file that was published."""
    rows = await tx.rows("SELECT id, proof_sha256 FROM draws WHERE state = 'done' ORDER BY id")
    return [(id, published) for id, published in rows]
