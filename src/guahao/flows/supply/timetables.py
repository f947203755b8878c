"""A scheduler plans: weekly timetables, single sessions, how many places each has.

Sessions of tomorrow and later that a timetable has already made follow its changes: all of
it where nobody holds a booking; where somebody does, the places alone, and never fewer than are
booked. The time and the fee that a patient was told stay, unless the session is stopped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

from guahao.flows.fairness.returning import new_places, returning_places
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.following import Following, follow, withdraw
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.fairness.returning import Cause
from guahao.rules.hospitals.departments import Department
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.rules.supply.changes import (
    Clinic,
    SessionRefused,
    SessionTerms,
    UpsertResult,
    decide_session,
    may_double,
    terms_of,
)
from guahao.rules.supply.planning import (
    ROLLED_DAYS,
    PlanRefusal,
    decide_timetable_end,
    refused_clinic,
    refused_places,
    timetable_change_refusals,
)
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hospitals import departments as department_store
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import changes, feeding, fees
from guahao.store.supply import timetables as store
from guahao.store.supply.double_supply import beside_timetables
from guahao.store.supply.timetables import PlannedSession, Timetable, TimetableChange


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """A department's plan: its timetables, and the sessions of one week."""

    timetables: list[Timetable]
    sessions: list[PlannedSession]


@dataclass(frozen=True, slots=True)
class AddedSession:
    """A session that was added; `doubles`: the same clinic was on offer at these hours already."""

    id: int
    doubles: bool


@dataclass(frozen=True, slots=True)
class SessionChange:
    """A session as it is now; `changed`: by this very call."""

    session: PlannedSession
    changed: bool


async def departments(platform: Platform, by: Staff) -> list[Department]:
    """Return the departments of the hospital that have sessions, also those off the platform."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await department_store.listed(tx, by.own_hospital_id)
    return [department for department in found if department.parent_id is not None]


async def department_keys(platform: Platform, by: Staff) -> dict[int, str]:
    """Return the pinyin and initials by which the hospital's departments are found, by id."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await department_store.spellings(tx, by.own_hospital_id)


async def week(platform: Platform, by: Staff, department_id: int, monday: date) -> WeekPlan | None:
    """Return a department's plan and its sessions of the week; None where it is not theirs."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        if not await store.has_department(tx, by.own_hospital_id, department_id):
            return None
        return WeekPlan(
            await store.of_department(tx, department_id, tx.now.date()),
            await store.sessions_between(tx, department_id, monday, monday + timedelta(days=6)),
        )


async def sessions_between(
    platform: Platform, by: Staff, department_id: int, first: date, last: date
) -> list[PlannedSession]:
    """Return a department's sessions of these dates; none where it is another hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.sessions_between(tx, department_id, first, last)


async def timetable(
    platform: Platform, by: Staff, timetable_id: int
) -> tuple[Timetable, Following] | None:
    """Return a timetable and what a change of it would reach; None if not the hospital's."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        found = await store.lock(tx, hospital_id, timetable_id)
        if found is None:
            return None
        same = TimetableChange(hospital_id, found.clinic, found.fee_is_own, found.valid_until)
        return found, await follow(tx, platform, {timetable_id: same}, dry_run=True)


async def change(
    platform: Platform,
    by: Staff,
    timetable_id: int,
    clinic: Clinic,
    *,
    on_holidays: bool | None = None,
) -> Following | Refused[PlanRefusal]:
    """Change a timetable and the sessions that follow it, from tomorrow on.

    `on_holidays`: whether it is held on days off, None: as before. What it no longer holds there is
    listed on the calendar's page, and withdrawn from there.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        # Rolling out locks the hospital, and an import locks it before its timetables.
        await feeding.lock_feed(act.tx, hospital_id)
        before = await store.lock(act.tx, hospital_id, timetable_id)
        if before is None:
            return Refused(PlanRefusal.UNKNOWN)
        against = timetable_change_refusals(
            before.clinic,
            clinic,
            (before.valid_until, before.valid_until),
            act.now.date(),
            is_offered=await titles.is_offered(act.tx, clinic.title),
        )
        if against:
            return Refused(against[0])
        day = max(before.valid_from, act.now.date())
        own = await _fee_is_own(act.tx, hospital_id, clinic, day)
        changed = {timetable_id: TimetableChange(hospital_id, clinic, own, before.valid_until)}
        await store.change(act.tx, changed)
        reached = await follow(act.tx, platform, changed)
        if on_holidays is not None and on_holidays != before.on_holidays:
            await store.hold_on_holidays(act.tx, timetable_id, on_holidays=on_holidays)
            last = act.now.date() + timedelta(days=ROLLED_DAYS)
            await roll_out(act.tx, platform, hospital_id, act.now.date(), last)
        detail = {"before": asdict(before.clinic), "after": asdict(clinic), **asdict(reached)}
        await act.record("change_timetable", ("timetable", timetable_id), detail=detail)
        return reached


async def _fee_is_own(tx: Tx, hospital_id: int, clinic: Clinic, day: date) -> bool:
    """Return whether a timetable's fee differs from that of the hospital's list on the day."""
    listed = (await fees.on_day(tx, hospital_id, day)).get(clinic.title)
    return listed is not None and listed != clinic.fee_fen


async def end(
    platform: Platform, by: Staff, timetable_id: int, last: date, reason: str = ""
) -> Following | Refused[PlanRefusal]:
    """End a timetable after a day, today at the earliest.

    Later sessions that nobody ever booked go; those with bookings are held, with no new ones.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        # A roll-out that knew the old last day would make sessions that are not seen here.
        await feeding.lock_feed(act.tx, hospital_id)
        before = await store.lock(act.tx, hospital_id, timetable_id)
        if before is None:
            return Refused(PlanRefusal.UNKNOWN)
        refused = decide_timetable_end(before.valid_until, last, act.now.date())
        if refused is not None:
            return Refused(refused)
        await store.end(act.tx, timetable_id, last)
        reached = await withdraw(act.tx, platform, {timetable_id: last})
        detail = {"before": before.valid_until, "after": last, **asdict(reached)}
        subject = ("timetable", timetable_id)
        await act.record("end_timetable", subject, reason=reason, detail=detail)
        return reached


async def add_session(
    platform: Platform, by: Staff, department_id: int, visit_date: date, clinic: Clinic
) -> AddedSession | Refused[PlanRefusal] | SessionRefused:
    """Add a single session, also beside the same clinic at the same hours: nobody is named (S1).

    Under the hospital's lock, as timetables are rolled out and its system's sessions published.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        refused = refused_clinic(clinic)
        if refused is not None:
            return Refused(refused)
        await feeding.lock_feed(act.tx, hospital_id)
        if not await store.has_department(act.tx, hospital_id, department_id):
            return Refused(PlanRefusal.UNKNOWN)
        offered = {title.name for title in await titles.listed(act.tx) if title.retired_at is None}
        wanted = terms_of(clinic, department_id, visit_date)
        outcome = decide_session(wanted, None, offered, act.now.date())
        if isinstance(outcome, SessionRefused):
            return outcome
        doubles = clinic.capacity > 0 and await _is_on_offer(act.tx, wanted)
        session_id = await store.add_session(act.tx, hospital_id, department_id, visit_date, clinic)
        await new_places(act.tx, platform, [session_id])
        detail = {"visit_date": visit_date, "after": asdict(clinic)}
        await act.record("add_session", ("clinic_session", session_id), detail=detail)
        return AddedSession(session_id, doubles)


async def _is_on_offer(tx: Tx, wanted: SessionTerms) -> bool:
    """Return whether the same clinic is on offer at hours that may overlap, or will be."""
    day = wanted.visit_date
    there = await store.sessions_between(tx, wanted.department_id, day, day)
    is_there = any(
        may_double(known.terms, wanted)
        for known in there
        if known.clinic.capacity and not known.stopped
    )
    return is_there or bool(await beside_timetables(tx, {"": wanted}))


async def session(platform: Platform, by: Staff, session_id: int) -> PlannedSession | None:
    """Return a session of the scheduler's hospital, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.session(tx, by.own_hospital_id, session_id)


async def change_session(
    platform: Platform, by: OfHospital, session_id: int, capacity: int, fee_fen: int | None
) -> SessionChange | Refused[PlanRefusal] | SessionRefused:
    """Change a session's places, and its fee unless `fee_fen` is None.

    Under the session's lock: who books meanwhile is counted, or finds the new number.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await lock_sessions(act.tx, [session_id])
        before = (await changes.facts_by_id(act.tx, [session_id], hospital_id)).get(session_id)
        if before is None:
            return Refused(PlanRefusal.UNKNOWN)
        fee_fen = before.terms.fee_fen if fee_fen is None else fee_fen
        refused = refused_places(capacity, fee_fen)
        if refused is not None:
            return Refused(refused)
        wanted = replace(before.terms, capacity=capacity, fee_fen=fee_fen)
        outcome = decide_session(wanted, before, (), act.now.date())
        if isinstance(outcome, SessionRefused):
            return outcome
        changed = outcome is UpsertResult.CHANGED
        if changed:
            async with returning_places(act.tx, platform, [session_id], Cause.CAPACITY_RAISED):
                await changes.change_sessions(act.tx, {session_id: wanted})
        after = await store.session(act.tx, hospital_id, session_id)
        assert after is not None
        if changed:
            clinic = replace(
                after.clinic, capacity=before.terms.capacity, fee_fen=before.terms.fee_fen
            )
            detail = {"before": asdict(clinic), "after": asdict(after.clinic)}
            await act.record("change_session", ("clinic_session", session_id), detail=detail)
        return SessionChange(after, changed)
