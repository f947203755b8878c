"""The counter list: places that came back after the last draw, for the visit day (FAIRNESS)."""

from __future__ import annotations

from datetime import date

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Staff
from guahao.store.fairness import counter as store
from guahao.store.fairness.counter import CounterPlaces


async def counter_list(platform: Platform, by: Staff, day: date) -> list[CounterPlaces]:
    """Return the places that the clerk's hospital gives out at its counter on a day."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.of_day(tx, by.own_hospital_id, day)
