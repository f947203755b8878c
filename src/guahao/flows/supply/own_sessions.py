"""Change, stop and close a single session by the hospital's own id, for its own system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guahao.flows.attendance import window
from guahao.flows.attendance.window import ClosedSession
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import replacing, stops, timetables
from guahao.flows.supply.replacing import Offered
from guahao.flows.supply.stops import StopReport
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.booking.replacing import OfferRefusal, PlacesOffered
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import OfHospital
from guahao.rules.supply.changes import SessionRefused
from guahao.rules.supply.planning import PlanRefusal
from guahao.rules.supply.stops import StopRefusal, UnstopRefusal, refused_unstop
from guahao.store.kernel.db import Tx
from guahao.store.supply import feeding
from guahao.store.supply import stops as stop_store
from guahao.store.supply.feeding import HospitalSession
from guahao.store.supply.stops import StopScope


@dataclass(frozen=True, slots=True)
class PlacesResult:
    """A session as it is now; `changed`: by this call."""

    session: HospitalSession
    changed: bool


@dataclass(frozen=True, slots=True)
class StopResult:
    """A session after a stop or its undoing, and the stop if there is one."""

    session: HospitalSession
    changed: bool
    report: StopReport | None


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """Places of a session to offer, by the hospital's own id."""

    external_id: str
    added: int
    from_free: int


async def own_session(
    platform: Platform, by: OfHospital, external_id: str
) -> HospitalSession | None:
    """Return a session by the hospital's own id, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return (await feeding.published(tx, by.own_hospital_id, [external_id])).get(external_id)


async def change_places(
    platform: Platform, by: OfHospital, external_id: str, capacity: int
) -> PlacesResult | Refused[PlanRefusal] | SessionRefused:
    """Change the number of places."""
    found = await own_session(platform, by, external_id)
    if found is None:
        return Refused(PlanRefusal.UNKNOWN)
    outcome = await timetables.change_session(platform, by, found.id, capacity, None)
    if isinstance(outcome, Refused):
        return outcome
    now = outcome.session
    return PlacesResult(
        replace(found, session=now.terms, booked=now.booked, stopped=now.stopped), outcome.changed
    )


async def stop(
    platform: Platform, by: OfHospital, external_id: str, reason: str, *, substitute: bool = False
) -> StopResult | Refused[StopRefusal]:
    """Stop a session; its patients are notified after a time of grace. Again, change nothing.

    `substitute`: its bookings stay, and another doctor sees the patients.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = (await feeding.published(tx, by.own_hospital_id, [external_id])).get(external_id)
        if found is None:
            return Refused(StopRefusal.UNKNOWN)
        held = await stop_store.of_session(tx, platform.vault, found.id)
        is_substituted = held is not None and held.substitute
        if found.stopped or (substitute and is_substituted):
            return await _stop_result(tx, platform, by, found, changed=False)
    scope = StopScope(found.session.visit_date, found.session.visit_date, session_id=found.id)
    outcome = await stops.stop(platform, by, scope, reason, substitute=substitute)
    if isinstance(outcome, Refused) and outcome.reason is not StopRefusal.NOTHING:
        return outcome
    changed = not isinstance(outcome, Refused)
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        result = await _stop_result(tx, platform, by, found, changed=changed)
    # Where nothing was left to stop, a scheduler was quicker, or the pick-up is over and settled.
    is_done = changed if substitute else result.session.stopped
    return result if is_done else Refused(StopRefusal.PAST)


async def unstop(
    platform: Platform, by: OfHospital, external_id: str
) -> StopResult | Refused[StopRefusal | UnstopRefusal]:
    """Undo the stop of a session while no patient has been notified. Again, change nothing."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = (await feeding.published(tx, by.own_hospital_id, [external_id])).get(external_id)
        if found is None:
            return Refused(StopRefusal.UNKNOWN)
        held = await stop_store.of_session(tx, platform.vault, found.id)
        if not found.stopped and (held is None or not held.substitute):
            return await _stop_result(tx, platform, by, found, changed=False)
    is_of_one_session = held is not None and held.scope.session_id is not None
    times = None if held is None else held.times
    refused = refused_unstop(times, is_of_one_session=is_of_one_session)
    if refused is not None:
        return Refused(refused)
    assert held is not None
    outcome = await stops.undo(platform, by, held.id)
    if isinstance(outcome, Refused):
        return outcome
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _stop_result(tx, platform, by, found, changed=True)


async def offer_replacement(
    platform: Platform,
    by: OfHospital,
    external_id: str,
    places: Sequence[OwnPlaces],
    until: datetime,
) -> Offered | Refused[OfferRefusal]:
    """Offer places in other sessions to the patients of the stop that holds this session."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        ids = [external_id, *(one.external_id for one in places)]
        found = await feeding.published(tx, by.own_hospital_id, ids)
        if external_id not in found:
            return Refused(OfferRefusal.UNKNOWN)
        held = await stop_store.of_session(tx, platform.vault, found[external_id].id)
    if held is None:
        return Refused(OfferRefusal.NOBODY)
    if any(one.external_id not in found for one in places):
        return Refused(OfferRefusal.OTHER_CLINIC)
    offered = [PlacesOffered(found[one.external_id].id, one.added, one.from_free) for one in places]
    return await replacing.offer(platform, by, held.id, offered, until)


async def close(
    platform: Platform, by: OfHospital, external_id: str
) -> ClosedSession | Refused[WindowRefusal]:
    """Close a session's attendance: bookings without a pick-up become no-shows (S16)."""
    found = await own_session(platform, by, external_id)
    if found is None:
        return Refused(WindowRefusal.UNKNOWN)
    return await window.close_session(platform, by, found.id)


async def _stop_result(
    tx: Tx, platform: Platform, by: OfHospital, before: HospitalSession, *, changed: bool
) -> StopResult:
    """Return the session as it is now; as it was if its department was removed meanwhile."""
    external_id = before.external_id or ""
    found = await feeding.published(tx, by.own_hospital_id, [external_id])
    session = found.get(external_id, before)
    held = await stop_store.of_session(tx, platform.vault, session.id)
    report = None
    if held is not None and (session.stopped or held.substitute):
        report = await stops.report_in(tx, held)
    return StopResult(session, changed, report)
