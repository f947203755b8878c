"""Whom a stopped clinic hits, for the window of the hospital: who knows, and who is to be called.

Schedulers see no persons, so that the list is the window's; who opens it stands in the audit trail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.stopped import Reach
from guahao.rules.staff.staff import Staff
from guahao.store.attendance import stopped as store
from guahao.store.attendance.stopped import ReachedBooking, StoppedEntry
from guahao.store.supply import stops
from guahao.store.supply.stops import Stop

STOPS_A_PAGE = 50
ENTRIES_A_PAGE = 200
_ORDER = list(Reach)


@dataclass(frozen=True, slots=True)
class StopReach:
    """How many bookings a stop took, and of how many the patient is to be called."""

    bookings: int
    missing: int


@dataclass(frozen=True, slots=True)
class StoppedPatients:
    """A stop and bookings of it, those whose patient is to be called first.

    `first`: how many bookings stand before these; `missing`, `in_all`: of the whole stop.
    """

    stop: Stop
    entries: list[StoppedEntry]
    first: int
    missing: int
    in_all: int


async def latest(
    platform: Platform, by: Staff, before: int | None
) -> tuple[list[tuple[Stop, StopReach]], int | None]:
    """Return a page of the hospital's stops that took bookings, the newest first.

    With how many are to be called, and where the next page begins: `before` the id of a stop.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await stops.latest(
            tx,
            platform.vault,
            by.own_hospital_id,
            STOPS_A_PAGE + 1,
            before=before,
            with_bookings=True,
        )
        page = found[:STOPS_A_PAGE]
        taken = await store.bookings(tx, by.own_hospital_id, [stop.id for stop in page])
    of_stop: dict[int, list[ReachedBooking]] = {stop.id: [] for stop in page}
    for booking in taken:
        of_stop[booking.stop_id].append(booking)
    reached = {id: StopReach(len(those), _missing(those)) for id, those in of_stop.items()}
    listed = [(stop, reached[stop.id]) for stop in page]
    return listed, page[-1].id if len(found) > STOPS_A_PAGE else None


async def patients(
    platform: Platform, by: Staff, stop_id: int, page: int | None
) -> StoppedPatients | None:
    """Return whom a stop of the clerk's own hospital hits, and record that it was looked at.

    A page from 1 on, at most the last; None: all of them, to be printed.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        stop = await stops.by_id(act.tx, act.vault, stop_id)
        if stop is None or stop.hospital_id != hospital_id:
            return None
        taken = await store.bookings(act.tx, hospital_id, [stop_id])
        # Stable: by time within a reach.
        taken.sort(key=lambda booking: _ORDER.index(booking.reach))
        first, shown = 0, taken
        if page is not None:
            last_page = max(1, -(-len(taken) // ENTRIES_A_PAGE))
            first = (min(page, last_page) - 1) * ENTRIES_A_PAGE
            shown = taken[first : first + ENTRIES_A_PAGE]
        entries = await store.entries(act.tx, act.vault, hospital_id, shown)
        detail = {"entries": len(entries)}
        await act.record("list_stopped_patients", ("stop", stop_id), detail=detail)
        return StoppedPatients(stop, entries, first, _missing(taken), len(taken))


def _missing(taken: Sequence[ReachedBooking]) -> int:
    return sum(booking.reach.is_missing for booking in taken)
