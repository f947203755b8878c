"""A scheduler plans: weekly timetables, single sessions, how many places each has.

Sessions of tomorrow and later that a timetable has already made follow its changes: all of
it where nobody has booked; where somebody has, the places alone, and never fewer than are
booked. The time and the fee that a patient was told stay, unless the session is stopped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.schedules import ROLLED_DAYS
from guahao.rules.hospitals.departments import Department
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hospitals import departments as department_store
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import fees, sessions
from guahao.store.supply import timetables as store
from guahao.store.supply.timetables import Clinic, PlannedSession, Timetable

CAPACITY_MAX = 1000
WORDS_MAX = 40  # characters of a title or specialty
WEEKDAYS = range(1, 8)  # Monday is 1
FEE_MAX_FEN = 1_000_000
PLANNED_DAYS = 366
FOR_EVER = date(9999, 12, 31)


class PlanRefusal(StrEnum):
    """Why a plan is not changed."""

    UNKNOWN = "plan_unknown"
    TITLE = "plan_title"
    TIME = "plan_time"
    HOURS = "plan_hours"
    PLACES = "plan_places"
    FEE = "plan_fee"
    DATES = "plan_dates"
    STOPPED = "plan_stopped"
    FEE_IS_TOLD = "plan_fee_is_told"
    TITLE_NOT_OFFERED = "plan_title_not_offered"


@dataclass(frozen=True, slots=True)
class BelowBooked:
    """Fewer places than are booked by now."""

    booked: int


@dataclass(frozen=True, slots=True)
class Following:
    """Sessions that a change reaches: `free` have no booking, `taken` have."""

    free: int
    taken: int


@dataclass(frozen=True, slots=True)
class Week:
    """A department's plan: its timetables, and the sessions of one week."""

    timetables: list[Timetable]
    sessions: list[PlannedSession]


def _is_near(day: date, today: date) -> bool:
    """Tomorrow at the earliest (S4), and within a year: later is a slip of the keyboard."""
    return today + ONE_DAY <= day <= today + timedelta(days=PLANNED_DAYS)


def refused_clinic(new: Clinic) -> PlanRefusal | None:
    """What no clinic may be."""
    named = 1 <= len(new.title) <= WORDS_MAX and len(new.specialty) <= WORDS_MAX
    if not named or new.period not in PERIODS:
        return PlanRefusal.TITLE
    if new.ends_at is not None and (new.starts_at is None or new.starts_at >= new.ends_at):
        return PlanRefusal.HOURS
    if not 0 <= new.capacity <= CAPACITY_MAX:
        return PlanRefusal.PLACES
    return None if 0 <= new.fee_fen <= FEE_MAX_FEN else PlanRefusal.FEE


async def departments(platform: Platform, by: Staff) -> list[Department]:
    """The departments of the scheduler's hospital that have sessions, also off the platform."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await department_store.listed(tx, by.own_hospital_id)
    return [one for one in found if one.parent_id is not None]


async def week(platform: Platform, by: Staff, department_id: int, monday: date) -> Week | None:
    """A department's plan and its sessions of the week; None where it is not the hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        if not await store.has_department(tx, by.own_hospital_id, department_id):
            return None
        return Week(
            await store.of_department(tx, department_id, tx.now.date()),
            await store.sessions_between(tx, department_id, monday, monday + timedelta(days=6)),
        )


async def add(
    platform: Platform,
    by: Staff,
    department_id: int,
    weekday: int,
    span: tuple[date, date],
    new: Clinic,
) -> int | PlanRefusal:
    """A timetable from a date (tomorrow at the earliest) until a date; its sessions are made."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        refused = refused_clinic(new)
        if refused is not None:
            return refused
        if not _is_near(span[0], act.now.date()) or span[1] < span[0] or weekday not in WEEKDAYS:
            return PlanRefusal.DATES
        if not await store.has_department(act.tx, hospital_id, department_id):
            return PlanRefusal.UNKNOWN
        if not await titles.is_offered(act.tx, new.title):
            return PlanRefusal.TITLE_NOT_OFFERED
        own = await _fee_is_own(act.tx, hospital_id, new, span[0])
        timetable_id = await store.add(
            act.tx, hospital_id, department_id, weekday, span, new, fee_is_own=own
        )
        last = act.now.date() + timedelta(days=ROLLED_DAYS)
        made = await sessions.roll_out(act.tx, hospital_id, act.now.date(), last)
        detail = {"weekday": weekday, "from": span[0], "until": span[1], "after": _words(new)}
        subject = ("timetable", timetable_id)
        await act.record("add_timetable", subject, detail={**detail, "sessions": made})
        return timetable_id


async def timetable(
    platform: Platform, by: Staff, timetable_id: int
) -> tuple[Timetable, Following] | None:
    """A timetable and what a change of it would reach; None if not the hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.lock(tx, by.own_hospital_id, timetable_id)
        if found is None:
            return None
        reached = await store.following(tx, timetable_id, tx.now.date())
        return found, Following(*reached)


async def change(
    platform: Platform, by: Staff, timetable_id: int, new: Clinic
) -> Following | PlanRefusal:
    """Change a timetable and the sessions that follow it, from tomorrow on."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        refused = refused_clinic(new)
        if refused is not None:
            return refused
        before = await store.lock(act.tx, hospital_id, timetable_id)
        if before is None:
            return PlanRefusal.UNKNOWN
        if new.title != before.clinic.title and not await titles.is_offered(act.tx, new.title):
            return PlanRefusal.TITLE_NOT_OFFERED
        own = await _fee_is_own(act.tx, hospital_id, new, max(before.valid_from, act.now.date()))
        ids = await store.lock_following(act.tx, timetable_id, act.now.date())
        reached = Following(*await store.following(act.tx, timetable_id, act.now.date()))
        await store.change(act.tx, timetable_id, new, fee_is_own=own)
        await store.follow(act.tx, ids, new, fee_is_own=own)
        detail = {"before": _words(before.clinic), "after": _words(new), **asdict(reached)}
        subject = ("timetable", timetable_id)
        await act.record("change_timetable", subject, detail=detail)
        return reached


async def _fee_is_own(tx: Tx, hospital_id: int, new: Clinic, day: date) -> bool:
    """Whether a line has another price than the hospital's list has on the day."""
    listed = (await fees.on_day(tx, hospital_id, day)).get(new.title)
    return listed is not None and listed != new.fee_fen


async def end(
    platform: Platform, by: Staff, timetable_id: int, last: date, reason: str = ""
) -> Following | PlanRefusal:
    """End a timetable after a day, today at the earliest.

    Later sessions that nobody ever booked go; those with bookings are held, with no new ones.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        before = await store.lock(act.tx, hospital_id, timetable_id)
        if before is None:
            return PlanRefusal.UNKNOWN
        if not act.now.date() <= last < before.valid_until:
            return PlanRefusal.DATES
        ids = await store.lock_following(act.tx, timetable_id, last)
        reached = Following(*await store.following(act.tx, timetable_id, last))
        await store.end(act.tx, timetable_id, last)
        await store.withdraw(act.tx, ids)
        detail = {"before": before.valid_until, "after": last, **asdict(reached)}
        subject = ("timetable", timetable_id)
        await act.record("end_timetable", subject, reason=reason, detail=detail)
        return reached


async def add_session(
    platform: Platform, by: Staff, department_id: int, visit_date: date, new: Clinic
) -> int | PlanRefusal:
    """A single session, tomorrow at the earliest (S4); its id."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        refused = refused_clinic(new)
        if refused is not None:
            return refused
        if not _is_near(visit_date, act.now.date()):
            return PlanRefusal.DATES
        if not await store.has_department(act.tx, hospital_id, department_id):
            return PlanRefusal.UNKNOWN
        if not await titles.is_offered(act.tx, new.title):
            return PlanRefusal.TITLE_NOT_OFFERED
        session_id = await store.add_session(act.tx, hospital_id, department_id, visit_date, new)
        detail = {"visit_date": visit_date, "after": _words(new)}
        subject = ("clinic_session", session_id)
        await act.record("add_session", subject, detail=detail)
        return session_id


async def session(platform: Platform, by: Staff, session_id: int) -> PlannedSession | None:
    """A session of the scheduler's hospital, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.session(tx, by.own_hospital_id, session_id)


async def change_session(
    platform: Platform, by: OfHospital, session_id: int, capacity: int, fee_fen: int | None
) -> PlannedSession | PlanRefusal | BelowBooked:
    """Raise or lower a session's places, and its fee while nobody has booked; as it is then.

    `fee_fen` None leaves the fee.

    Under the session's lock: whoever books meanwhile is counted, or finds the new number.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        if not 0 <= capacity <= CAPACITY_MAX:
            return PlanRefusal.PLACES
        if fee_fen is not None and not 0 <= fee_fen <= FEE_MAX_FEN:
            return PlanRefusal.FEE
        await lock_sessions(act.tx, [session_id])
        before = await store.session(act.tx, hospital_id, session_id)
        if before is None:
            return PlanRefusal.UNKNOWN
        fee_fen = before.clinic.fee_fen if fee_fen is None else fee_fen
        refused = _refused_change(before, act.now.date(), capacity, fee_fen)
        if refused is not None:
            return refused
        await store.set_session(act.tx, session_id, capacity, fee_fen)
        after = await store.session(act.tx, hospital_id, session_id)
        assert after is not None
        detail = {"before": _words(before.clinic), "after": _words(after.clinic)}
        subject = ("clinic_session", session_id)
        await act.record("change_session", subject, detail=detail)
        return after


def _refused_change(
    before: PlannedSession, today: date, capacity: int, fee_fen: int
) -> PlanRefusal | BelowBooked | None:
    if before.stopped:
        return PlanRefusal.STOPPED
    if before.visit_date < today:
        return PlanRefusal.DATES
    if capacity < before.booked:
        return BelowBooked(before.booked)
    if fee_fen != before.clinic.fee_fen and before.booked:
        return PlanRefusal.FEE_IS_TOLD
    return None


def _words(clinic: Clinic) -> dict[str, Any]:
    """A clinic as the trail keeps it."""
    return asdict(clinic)
