"""A hospital's own system reads the bookings made there: of a day, by code, what changed.

It gets the person in full, because that is whom it has to recognise at its window, and it may
have to when the network is down. It never gets the code, which is the person's own proof.
That it looked is in the trail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.flows.attendance.window import TooManyGuesses, count_guess, forgive_guess
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import OfHospital
from guahao.store.integration import hospital_bookings as store
from guahao.store.integration import hospital_events as events
from guahao.store.integration.hospital_bookings import HospitalBooking
from guahao.store.integration.hospital_events import EventCursor, EventsForgotten, HospitalEvent
from guahao.store.people.patients import person_indexes


@dataclass(frozen=True, slots=True)
class Changes:
    """Events with the bookings as they stand now, and the cursor that leads on.

    Not `complete`: some events were forgotten before they were read. A reader that lists
    all bookings by date now, and goes on from the cursor, has missed nothing that still holds.
    """

    events: Sequence[HospitalEvent]
    bookings: dict[int, HospitalBooking]
    next: EventCursor
    complete: bool


async def bookings_of_day(
    platform: Platform, by: OfHospital, day: date, after: int | None, limit: int
) -> tuple[list[HospitalBooking], int | None]:
    """Return a page of a visit date's bookings in any status, and where the next begins."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        found = await store.of_day(
            act.tx, platform.vault, by.own_hospital_id, day, after or 0, limit + 1
        )
        page = found[:limit]
        await _looked(act, page, {"visit_date": day})
    return page, page[-1].id if len(found) > limit else None


async def changes(platform: Platform, by: OfHospital, after: EventCursor, limit: int) -> Changes:
    """Return what changed after a cursor, in the order of the log: none missed, none twice.

    However long the hospital was away, up to the days for which the log is kept.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        found = await events.changes(act.tx, by.own_hospital_id, after, limit)
        if isinstance(found, EventsForgotten):
            return Changes([], {}, found.go_on_from, complete=False)
        ids = {event.appointment_id for event in found}
        bookings = await store.by_id(act.tx, platform.vault, by.own_hospital_id, sorted(ids))
        await _looked(act, list(bookings.values()), {"after": str(after)})
    return Changes(found, bookings, found[-1].cursor if found else after, complete=True)


async def look_up(
    platform: Platform, by: OfHospital, code: str, id_no: str
) -> HospitalBooking | TooManyGuesses | None:
    """Return the booking of this code and document; None for every kind of miss alike (S9).

    Wrong guesses are counted as at the window, with them.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        waiting = await count_guess(act.tx, platform, by, code)
        if waiting is not None:
            return waiting
        person = person_indexes(platform.vault, id_no)
        found = await store.by_code(act.tx, platform.vault, by.own_hospital_id, code, person)
        if found is not None:
            await forgive_guess(act.tx, platform, by, code)
            await _looked(act, [found], {})
        return found


async def own_booking(
    platform: Platform, by: OfHospital, appointment_id: int
) -> HospitalBooking | None:
    """Return one booking of the hospital's, for an answer that masks its person."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        ids = [appointment_id]
        found = await store.by_id(tx, platform.vault, by.own_hospital_id, ids)
    return found.get(appointment_id)


async def _looked(
    act: Acting,
    seen: Sequence[HospitalBooking],
    detail: dict[str, object],
) -> None:
    """Record a look at persons in full, unless it showed nobody."""
    if seen:
        told = {**detail, "appointments": [one.id for one in seen]}
        await act.record("read_bookings", detail=told)
