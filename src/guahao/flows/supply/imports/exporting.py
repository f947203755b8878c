"""A hospital's sessions, for a file that can be imported again."""

from __future__ import annotations

from datetime import date

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Staff
from guahao.store.supply import supply_imports as store
from guahao.store.supply.supply_imports import ExportedSession

SESSIONS_MAX = 50_000  # as many as an import takes with its headings


async def sessions_between(
    platform: Platform, by: Staff, first: date, last: date
) -> list[ExportedSession] | None:
    """Return the sessions of the scheduler's own hospital, both days included; None: too many."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.sessions_between(tx, by.own_hospital_id, first, last, SESSIONS_MAX + 1)
    return found if len(found) <= SESSIONS_MAX else None
