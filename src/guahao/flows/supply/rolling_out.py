"""Make the sessions of a hospital's timetables; late ones are drawn (RULES.md, Fair release)."""

from __future__ import annotations

from datetime import date

from guahao.flows.fairness.returning import new_places
from guahao.flows.kernel.platform import Platform
from guahao.store.kernel.db import Tx
from guahao.store.supply import sessions


async def roll_out(tx: Tx, platform: Platform, hospital_id: int, first: date, last: date) -> int:
    """Make the sessions that are missing on these days, both included; return how many."""
    made = await sessions.roll_out(tx, hospital_id, first, last)
    await new_places(tx, platform, made)
    return len(made)
