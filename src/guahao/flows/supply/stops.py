"""A hospital stops sessions (停诊), and undoes it while nobody was notified.

A stop is written first, with its reason, and then carried out in chunks, each in a
transaction of its own that begins with the stop's lock: the desk never waits for more than
one chunk, and what a crash left is carried on by a task. Bookings are stopped and their
limits freed at once; their patients are notified after a time of grace.

Where a substitute sees the patients in the same hours, nothing is stopped: the bookings are marked,
their patients notified after the grace, and they may cancel until the visit without a no-show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta

from guahao.flows.fairness.returning import places_lost_in_stop
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.replacing import withdraw_of_sessions, withdraw_of_stop
from guahao.rules.booking.booking import counted_since
from guahao.rules.booking.stopping import decide_restore
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.rules.supply.stops import (
    StopRefusal,
    is_to_be_notified,
    refused_dates,
    refused_undo,
)
from guahao.store.booking import booking
from guahao.store.booking.appointments import lock_persons, lock_sessions
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.supply import replacements, sessions
from guahao.store.supply import stops as store
from guahao.store.supply.stops import (
    Affected,
    AffectedSession,
    Progress,
    Stop,
    StopScope,
    Unreached,
)

GRACE = timedelta(minutes=5)
SESSIONS_A_CHUNK = 25
UNREACHED_SHOWN = 200
LISTED = 50
AFFECTED_SHOWN = 200


@dataclass(frozen=True, slots=True)
class StopReport:
    """A stop, how far it has come, and who could not be reached."""

    stop: Stop
    progress: Progress
    unreached: list[Unreached]


async def preview(
    platform: Platform, by: Staff, scope: StopScope
) -> list[Affected] | Refused[StopRefusal]:
    """Return what a stop would take, by department; nothing is changed."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _affected(tx, by, scope)


async def affected_sessions(
    platform: Platform, by: Staff, scope: StopScope
) -> list[AffectedSession]:
    """Return the sessions that a stop would take, those with the most bookings first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.affected_sessions(tx, by.own_hospital_id, scope, AFFECTED_SHOWN)


async def _affected(
    tx: Tx, by: OfHospital, scope: StopScope
) -> list[Affected] | Refused[StopRefusal]:
    refused = refused_dates(scope.first, scope.last, tx.now.date())
    if refused is not None:
        return Refused(refused)
    found = await store.affected(tx, by.own_hospital_id, scope)
    return found or Refused(StopRefusal.NOTHING)


async def stop(
    platform: Platform, by: OfHospital, scope: StopScope, reason: str, *, substitute: bool = False
) -> int | Refused[StopRefusal]:
    """Stop what is in the scope; return the stop's id. Its patients are notified after GRACE.

    `substitute`: another doctor of the title sees the patients in the same hours.
    """
    stated = stated_reason(reason)
    if stated is None:
        return Refused(StopRefusal.NO_REASON)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        found = await _affected(act.tx, by, scope)
        if isinstance(found, Refused):
            return found
        notify_at = act.now + GRACE
        stop_id = await store.add(
            act.tx,
            platform.vault,
            by.own_hospital_id,
            by.who,
            stated,
            scope,
            notify_at,
            substitute=substitute,
        )
        detail = {
            **{name: value for name, value in asdict(scope).items() if value is not None},
            "sessions": sum(affected.sessions for affected in found),
            "bookings": sum(affected.bookings for affected in found),
            **({"substitute": True} if substitute else {}),
        }
        subject = ("stop", stop_id)
        await act.record("stop_sessions", subject, reason=stated, detail=detail)
    await _carry_out(platform, stop_id, by.own_hospital_id)
    return stop_id


async def undo(platform: Platform, by: OfHospital, stop_id: int) -> Stop | Refused[StopRefusal]:
    """Undo a stop, while no patient has been notified.

    Its sessions can be booked again. Its bookings live again with their codes, in the order
    in which they were made; one whose limit or place has been used meanwhile, or whose
    pick-up is over, stays stopped, and its person is notified at once. Places that were
    offered as replacement return.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        found = await store.lock(act.tx, platform.vault, stop_id)
        if found is None:
            return Refused(StopRefusal.UNKNOWN)
        refused = refused_undo(found.times)
        if refused is not None:
            return Refused(refused)
        await store.mark_undone(act.tx, stop_id)
        if not found.substitute:
            await withdraw_of_stop(act.tx, platform, stop_id)
        await act.record("undo_stop", ("stop", stop_id))
    await _carry_out(platform, stop_id, by.own_hospital_id)
    return found


async def report(platform: Platform, by: OfHospital, stop_id: int) -> StopReport | None:
    """Return a stop of the scheduler's own hospital, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.by_id(tx, platform.vault, stop_id)
        return None if found is None else await report_in(tx, found)


async def report_in(tx: Tx, found: Stop) -> StopReport:
    """Return how far a stop has come, and who could not be reached."""
    unreached = await store.unreached(tx, found.id, UNREACHED_SHOWN)
    return StopReport(found, await store.progress(tx, found.id), unreached)


async def latest(platform: Platform, by: Staff) -> list[Stop]:
    """Return the hospital's stops, the newest first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.latest(tx, platform.vault, by.own_hospital_id, LISTED)


async def carry_on(platform: Platform) -> int:
    """Finish what a crash left half done, and notify of stops whose grace is over; return how many.

    Safe to run twice, late or in two workers: everything happens under the stop's lock.
    """
    async with platform.db.transaction() as tx:
        stop_ids = await store.unfinished(tx)
    for stop_id in stop_ids:
        await _carry_out(platform, stop_id, None)
        await _notify(platform, stop_id)
    return len(stop_ids)


async def _carry_out(platform: Platform, stop_id: int, hospital_id: int | None) -> None:
    while True:
        async with platform.db.transaction(hospital_id=hospital_id) as tx:
            found = await store.lock(tx, platform.vault, stop_id)
            if found is None or found.done_at is not None:
                return
            undone = found.undone_at is not None
            if undone:
                more = await _restore_some(tx, platform, found)
            else:
                more = await _stop_some(tx, platform, found)
            if not more:
                await store.mark_done(tx, stop_id)
                return


async def _stop_some(tx: Tx, platform: Platform, found: Stop) -> bool:
    """Stop one chunk of the scope; whether there may be more.

    Under the sessions' locks, as booking and cancelling work: a booking waits, and finds the
    session stopped. No person is locked: freed limits alone wrong nobody. Places that were
    offered there to patients of another stopped clinic are offered no more.
    """
    ids = await store.lock_next_sessions(tx, found, SESSIONS_A_CHUNK)
    if found.substitute:
        appointment_ids = await store.substitute(tx, ids)
    else:
        appointment_ids = await sessions.stop(tx, ids)
        await withdraw_of_sessions(tx, platform, ids)
    await store.note_stopped(tx, found.id, ids, appointment_ids)
    return len(ids) == SESSIONS_A_CHUNK


async def _restore_some(tx: Tx, platform: Platform, found: Stop) -> bool:
    """Bring one chunk back; whether there may be more."""
    ids = await store.next_to_restore(tx, found.id, SESSIONS_A_CHUNK)
    if not ids:
        return False
    if found.substitute:
        await lock_sessions(tx, ids)
        await store.end_substitution(tx, found.id, ids)
        return True
    patient_ids = {
        stopped.patient_id for stopped in await store.stopped_bookings(tx, found.id, ids)
    }
    await lock_persons(tx, sorted(patient_ids))
    await lock_sessions(tx, ids)
    bookings = await store.stopped_bookings(tx, found.id, ids)
    policies = await platform.policies.read(tx)
    earliest = min(found.scope.first, tx.now.date())
    ever = (policies.first, *(row.policy for row in policies.rows))
    since = min(counted_since(policy, earliest) for policy in ever)
    # The limits are the city's (S12): what counts is looked up in all hospitals.
    async with tx.as_platform():
        counted = await booking.counted_of(tx, sorted(patient_ids), since)
    places = await store.places_left(tx, ids)
    restored = set(decide_restore(bookings, places, counted, tx.now, policies))
    await store.restore(tx, found.id, ids, sorted(restored))
    left = [stopped.id for stopped in bookings if stopped.id not in restored]
    lost = Counter(stopped.session_id for stopped in bookings if stopped.id not in restored)
    await places_lost_in_stop(tx, platform, lost, ids)
    await store.record_notified(tx, found.id, left, await messages.notify(tx, "stopped", left))
    return True


async def _notify(platform: Platform, stop_id: int) -> None:
    """Notify the patients of a stop, once; from then on it stands."""
    async with platform.db.transaction() as tx:
        found = await store.lock(tx, platform.vault, stop_id)
        if found is None or not is_to_be_notified(found.times, tx.now):
            return
        ids = await store.not_notified(tx, stop_id)
        if found.substitute:
            notified = await messages.notify(tx, "substituted", ids)
            await store.record_notified(tx, stop_id, ids, notified)
            await store.mark_notified(tx, stop_id)
            return
        offered = await replacements.open_for(tx, ids)
        notified = await messages.notify(tx, "stopped", [id for id in ids if id not in offered])
        notified |= await messages.notify(tx, "replacement_offered", sorted(offered))
        await store.record_notified(tx, stop_id, ids, notified)
        await store.mark_notified(tx, stop_id)
