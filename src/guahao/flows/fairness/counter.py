"""The counter list: places that came back after the last draw, for the visit day (FAIRNESS)."""

from __future__ import annotations

from datetime import date

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.counter import CounterPlaceRefusal, decide_giving, decide_undoing
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Staff
from guahao.store.booking.appointments import lock_sessions
from guahao.store.fairness import counter as store
from guahao.store.fairness.counter import CounterPlaces


async def counter_list(platform: Platform, by: Staff, day: date) -> list[CounterPlaces]:
    """Return the places that the clerk's hospital gives out at its counter on a day."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.of_day(tx, by.own_hospital_id, day)


async def give_place(
    platform: Platform, by: Staff, session_id: int
) -> int | Refused[CounterPlaceRefusal]:
    """Record that a place of today was given to somebody who came; return how many are left."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await lock_sessions(act.tx, [session_id])
        session = await store.of_session(act.tx, hospital_id, session_id)
        refusal = decide_giving(session, act.now.date())
        if session is None or refusal is not None:
            return Refused(refusal or CounterPlaceRefusal.UNKNOWN)
        await store.give(act.tx, session_id)
        await act.record("give_counter_place", ("clinic_session", session_id))
        return session.left - 1


async def undo_giving(
    platform: Platform, by: Staff, given_id: int
) -> int | Refused[CounterPlaceRefusal]:
    """Take back that a place was given, since it was not; return how many are left then."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        session_id = await store.session_given(act.tx, given_id)
        if session_id is None:
            return Refused(CounterPlaceRefusal.UNKNOWN)
        await lock_sessions(act.tx, [session_id])
        session = await store.of_session(act.tx, hospital_id, session_id)
        is_undone = await store.is_undone(act.tx, given_id)
        refusal = decide_undoing(session, act.now.date(), is_undone=is_undone)
        if session is None or refusal is not None:
            return Refused(refusal or CounterPlaceRefusal.UNKNOWN)
        await store.undo(act.tx, given_id)
        await act.record("undo_counter_place", ("clinic_session", session_id))
        return session.left + 1
