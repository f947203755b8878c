"""Whom a stopped clinic hits, for the window of the hospital: who knows, and who is to be called.

Schedulers see no persons, so that the list is the window's; who opens it stands in the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.stopped import Reach
from guahao.rules.staff.staff import Staff
from guahao.store.attendance import stopped as store
from guahao.store.attendance.stopped import StoppedEntry, StopReach
from guahao.store.supply import stops
from guahao.store.supply.stops import Stop

STOPS_SHOWN = 50
ENTRIES_SHOWN = 500
_ORDER = list(Reach)


@dataclass(frozen=True, slots=True)
class StoppedPatients:
    """A stop and its bookings, those whose patient is to be called first; `in_all`: uncut."""

    stop: Stop
    entries: list[StoppedEntry]
    missing: int
    in_all: int


async def latest(platform: Platform, by: Staff) -> list[tuple[Stop, StopReach]]:
    """Return the hospital's last stops that took bookings, with how many are to be called."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await stops.latest(tx, platform.vault, by.own_hospital_id, STOPS_SHOWN)
        reach = await store.reach_of_stops(tx, by.own_hospital_id, [stop.id for stop in found])
        return [(stop, reach[stop.id]) for stop in found if reach[stop.id].bookings]


async def patients(platform: Platform, by: Staff, stop_id: int) -> StoppedPatients | None:
    """Return whom a stop of the clerk's own hospital hits, and record that it was looked at."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        stop = await stops.by_id(act.tx, act.vault, stop_id)
        if stop is None or stop.hospital_id != hospital_id:
            return None
        found = await store.entries(act.tx, act.vault, hospital_id, stop_id)
        found.sort(key=lambda entry: _ORDER.index(entry.reach))  # stable: by time within a reach
        missing = sum(entry.reach.is_missing for entry in found)
        detail = {"entries": len(found)}
        await act.record("list_stopped_patients", ("stop", stop_id), detail=detail)
        return StoppedPatients(stop, found[:ENTRIES_SHOWN], missing, len(found))
