"""Holidays and swapped working days: the city corrects the national calendar, a hospital its own.

A correction is followed at once: sessions of timetables that do not hold on the date any longer
are withdrawn as the law of changes says (those with a booking stay, without new ones), and what is
missing is made. For the city a job does it, hospital by hospital. What the national calendar says
later than the roll-out, after an upgrade, is followed only when somebody says so: it is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.following import Following, withdraw_sessions
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.rules.supply import calendar as rules
from guahao.rules.supply.calendar import (
    CORRECTED_DAYS,
    CalendarDay,
    CalendarRefusal,
    CalendarSource,
    DayRule,
    refused_correction,
)
from guahao.rules.supply.national_calendar import unknown_from, unknown_within
from guahao.rules.supply.planning import ROLLED_DAYS
from guahao.store.kernel.db import Tx
from guahao.store.kernel.queue import defer
from guahao.store.supply import calendars as store
from guahao.store.supply.calendars import Correction, Effect, Remaining
from guahao.store.supply.feeding import lock_feed

ASKED_DAYS = 31
ASKED_DAYS_MAX = 400


@dataclass(frozen=True, slots=True)
class Calendar:
    """Some dates, what was corrected of them, and the sessions that remain against the calendar.

    `unknown_from`: the first date whose announcement is not known, if it is rolled out already.
    """

    days: list[CalendarDay]
    corrections: list[Correction]
    remaining: list[Remaining]
    unknown_from: date | None


@dataclass(frozen=True, slots=True)
class MetDays:
    """The days off and swapped days among the dates of a plan.

    `timetables`: those that its weekly timetables meet, as far as sessions are made. `sessions`:
    those with single sessions, and how many. `unknown_from`: the first date whose announcement is
    not known.
    """

    timetables: list[CalendarDay]
    sessions: list[tuple[CalendarDay, int]]
    unknown_from: date | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A date as it is now, and what that does to sessions that are made already."""

    day: CalendarDay
    effect: Effect


async def calendar(
    platform: Platform, hospital_id: int | None, first: date, last: date
) -> Calendar:
    """Return the calendar of a hospital, or of the city; nothing is changed."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        today = tx.now.date()
        remaining: list[Remaining] = []
        if hospital_id is not None:
            ahead = await store.between(tx, hospital_id, today + ONE_DAY, rolled_until(today))
            # Any other date was followed when its correction was withdrawn.
            special = [day for day in ahead if day.source is not CalendarSource.WEEKDAY]
            remaining = await store.remaining(tx, hospital_id, special)
        return Calendar(
            await store.between(tx, hospital_id, first, last),
            await store.corrections(tx, hospital_id, today, date.max),
            remaining,
            unknown_from(today),
        )


async def days(platform: Platform, by: OfHospital, first: date, last: date) -> list[CalendarDay]:
    """Return what each date is for a hospital, `first` to `last`, both included."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.between(tx, by.own_hospital_id, first, last)


async def asked_days(
    platform: Platform, by: OfHospital, first: date | None, last: date | None
) -> tuple[list[CalendarDay], date | None] | None:
    """Return what each date is, and the first whose announcement is not known; None: too many.

    From today on and 31 dates where nothing is said.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        today = tx.now.date()
        first = first or today
        if abs((first - today).days) > CORRECTED_DAYS:
            return None
        last = last or first + timedelta(days=ASKED_DAYS - 1)
        if not 0 <= (last - first).days < ASKED_DAYS_MAX:
            return None
        found = await store.between(tx, by.own_hospital_id, first, last)
        return found, unknown_from(today)


async def met_days(
    platform: Platform,
    hospital_id: int,
    spans: Mapping[int, tuple[date, date]],
    sessions: Mapping[date, int],
) -> MetDays:
    """Return the days off and swapped days of a hospital that a plan meets, from tomorrow on.

    `spans`: from when until when it has timetables of a weekday. `sessions`: how many single
    sessions it has on a date.
    """
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        today = tx.now.date()
        rolled = rolled_until(today)
        ends = [min(until, rolled) for _, until in spans.values()]
        last = max([today, *ends, *sessions])
        ahead = await store.between(tx, hospital_id, today + ONE_DAY, last)
        return MetDays(
            rules.met_days([day for day in ahead if day.day <= rolled], spans),
            [(day, sessions[day.day]) for day in ahead if day.is_special and day.day in sessions],
            unknown_within(today, last),
        )


def rolled_until(today: date) -> date:
    """Return the last date whose sessions are made already."""
    return today + timedelta(days=ROLLED_DAYS)


async def _effect(tx: Tx, hospital_id: int | None, day: CalendarDay) -> Effect:
    return await store.effect(tx, hospital_id, day, rolled_until(tx.now.date()))


async def preview(
    platform: Platform, hospital_id: int | None, day: date, like: int | None, reason: str
) -> Corrected | Refused[CalendarRefusal]:
    """Return what a correction would do; nothing is changed."""
    reason = prose(reason)
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        refused = refused_correction(day, like, reason, tx.now.date())
        if refused is not None:
            return Refused(refused)
        source = CalendarSource.CITY if hospital_id is None else CalendarSource.HOSPITAL
        wanted = CalendarDay(day, like, source, reason)
        return Corrected(wanted, await _effect(tx, hospital_id, wanted))


async def correct(
    platform: Platform, by: Staff, hospital_id: int | None, day: date, like: int | None, reason: str
) -> Corrected | Refused[CalendarRefusal]:
    """Correct a date of the city's calendar (`hospital_id` None) or of a hospital's, and follow it.

    The same again changes nothing.
    """
    reason = prose(reason)
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        refused = refused_correction(day, like, reason, act.now.date())
        if refused is not None:
            return Refused(refused)
        if hospital_id is not None:
            await lock_feed(act.tx, hospital_id)
        await store.correct(act.tx, hospital_id, day, DayRule(like, reason), by.login)
        source = CalendarSource.CITY if hospital_id is None else CalendarSource.HOSPITAL
        now = CalendarDay(day, like, source, reason)
        effect = await _effect(act.tx, hospital_id, now)
        await _follow_later(act.tx, platform, hospital_id, now)
        detail = {
            "visit_date": day,
            "weekday": like,
            "free": effect.removed + effect.closed,
            "taken": effect.kept,
        }
        await act.record("correct_calendar", reason=reason, detail=detail, hospital_id=hospital_id)
        return Corrected(now, effect)


async def withdraw(
    platform: Platform, by: Staff, hospital_id: int | None, day: date, reason: str
) -> CalendarDay | Refused[CalendarRefusal]:
    """Remove a correction and follow what the date is without it."""
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        if day <= act.now.date():
            return Refused(CalendarRefusal.DATE)
        if hospital_id is not None:
            await lock_feed(act.tx, hospital_id)
        if not await store.remove(act.tx, hospital_id, day):
            return Refused(CalendarRefusal.NOT_CORRECTED)
        [now] = await store.between(act.tx, hospital_id, day, day)
        await _follow_later(act.tx, platform, hospital_id, now)
        await act.record(
            "withdraw_calendar", reason=reason, detail={"visit_date": day}, hospital_id=hospital_id
        )
        return now


async def follow(
    platform: Platform, by: Staff, day: date, reason: str
) -> Following | Refused[CalendarRefusal]:
    """Let the sessions of a date from tomorrow on follow the calendar."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        if day <= act.now.date():
            return Refused(CalendarRefusal.DATE)
        await lock_feed(act.tx, hospital_id)
        [now] = await store.between(act.tx, hospital_id, day, day)
        reached = await _follow(act.tx, platform, hospital_id, now)
        detail = {"visit_date": day, "free": reached.free, "taken": reached.taken}
        await act.record("follow_calendar", reason=reason, detail=detail)
        return reached


async def carry_out(platform: Platform, day: date) -> int:
    """Let the sessions of every hospital follow the calendar of a date; return how many changed.

    Safe to run twice, late or in two workers: a transaction is one hospital's, so that none is
    long and no hospital waits for another.
    """
    async with platform.db.transaction() as tx:
        hospital_ids = await store.hospitals(tx)
    changed = 0
    for hospital_id in hospital_ids:
        async with platform.db.transaction() as tx:
            if day <= tx.now.date():
                return changed
            await lock_feed(tx, hospital_id)
            [now] = await store.between(tx, hospital_id, day, day)
            reached = await _follow(tx, platform, hospital_id, now)
            changed += reached.free + reached.taken
    return changed


async def _follow_later(
    tx: Tx, platform: Platform, hospital_id: int | None, day: CalendarDay
) -> None:
    if hospital_id is None:
        await defer(tx, "follow_calendar", day=day.day.isoformat())
    else:
        await _follow(tx, platform, hospital_id, day)


async def _follow(tx: Tx, platform: Platform, hospital_id: int, day: CalendarDay) -> Following:
    """Let a date's sessions of a locked hospital follow its calendar."""
    reached = await withdraw_sessions(
        tx, platform, await store.lock_against(tx, hospital_id, [day])
    )
    if day.day <= rolled_until(tx.now.date()):
        await roll_out(tx, platform, hospital_id, day.day, day.day)
    return reached
