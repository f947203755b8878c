"""A department's page: seven days, a word for each, and the sessions of one of them (S1, S4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.modes import DatedMode, Release, mode_of
from guahao.rules.fairness.returning import DrawKind, ReleaseMode, applications_until
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules, Policy
from guahao.rules.kernel.outcomes import Refusal
from guahao.rules.supply.releasing import date_refusal, furthest, open_dates, session_state
from guahao.store.fairness import modes
from guahao.store.supply.week import DepartmentDays, Slot, department_days

DAYS = 7
_DAYS_AHEAD_MAX = 400
# What a day is called when its sessions differ: the best that is to be had there.
_BEST_FIRST = ("available", "by_draw", "full", "not_released", "closed", "stopped")
NO_CLINIC = "no_clinic"
NO_MATCH = "no_match"
_TOO_EARLY = (Refusal.BEYOND_HORIZON, Refusal.NOT_RELEASED)


@dataclass(frozen=True, slots=True)
class Day:
    """A date of the strip. `state`: a session's word, or `no_clinic` where there is none.

    `no_match` where there are sessions, but none of the chosen title and specialty. A day that
    opens later is `not_released` even without sessions, which may still be made; `opens_at` is
    the moment of its release.
    """

    day: date
    state: str
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstDraw:
    """The first draw of a session: how many places it gives out, and when it closes.

    `is_added`: they were published or added after the release; none came back.
    """

    places: int
    is_release: bool
    is_added: bool
    draw_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class SlotState:
    """A session and its word: available, by_draw, full, not_released, closed or stopped.

    `release`: how its places are given out. `draw`: the next draw of its places. `may_apply`:
    whether its places come by draws only.
    """

    slot: Slot
    state: str
    release: Release
    draw: FirstDraw | None = None
    may_apply: bool = False


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of a department, and the sessions of the chosen one.

    `titles` and `specialties` are what there is to choose from in these days; `earlier`
    and `later` the first days of the pages beside this one, None at the ends. `furthest`: the
    last day that is released. `by_draw`: how the chosen day's sessions are given out where that
    is by a draw, by their titles.
    """

    department: DepartmentDays
    today: date
    furthest: date
    days: list[Day]
    chosen: Day
    sessions: list[SlotState]
    titles: list[str]
    specialties: list[str]
    earlier: date | None
    later: date | None
    by_draw: dict[str, Release]

    @property
    def may_apply(self) -> bool:
        """Return whether nothing of the chosen day can simply be booked, now or at its release."""
        return self.chosen.state != "available" and any(one.may_apply for one in self.sessions)


async def department_week(
    platform: Platform,
    department_id: int,
    day: date | None = None,
    title: str | None = None,
    specialty: str | None = None,
) -> Week | None:
    """Return the seven days that hold `day`, pages counted from today; None if unknown.

    Where no day is chosen: the first of them that can be booked.
    """
    async with platform.db.transaction() as tx:
        first = _page_start(tx.now.date(), day)
        last = first + (DAYS - 1) * ONE_DAY
        department = await department_days(tx, department_id, first, last)
        policy = (await platform.policies.read(tx)).on(tx.now.date())
        if department is None:
            return None
        hospital_id = department.hospital_id
        decided = (await modes.of_hospitals(tx, [hospital_id])).get(hospital_id, [])
    return _week(department, decided, first, day, tx.now, policy, title, specialty)


def _page_start(today: date, day: date | None) -> date:
    """Return the page's first day: today, in seven days, in fourteen; nothing is before today.

    What is further away than anything is ever open is no day either: the calendar has an end.
    """
    if day is None or not 0 < (day - today).days <= _DAYS_AHEAD_MAX:
        return today
    return today + (day - today).days // DAYS * timedelta(days=DAYS)


def _week(
    department: DepartmentDays,
    decided: list[DatedMode],
    first: date,
    day: date | None,
    at: datetime,
    policy: Policy,
    title: str | None,
    specialty: str | None,
) -> Week:
    slots = [
        _slot_state(
            slot,
            mode_of(decided, department.department_id, slot.title, slot.visit_date),
            at,
            department.rules,
            policy,
        )
        for slot in department.slots
        if title in (None, slot.title) and specialty in (None, slot.specialty)
    ]
    dates = [first + n * ONE_DAY for n in range(DAYS)]
    with_clinic = {slot.visit_date for slot in department.slots}
    days = [_day(one, slots, with_clinic, at, department.rules, policy) for one in dates]
    chosen = _chosen(days, day)
    last_open = furthest(at.date(), department.rules, policy)
    released = open_dates(at, department.rules, policy)
    later = first + DAYS * ONE_DAY
    sessions = [one for one in slots if one.slot.visit_date == chosen.day]
    return Week(
        department,
        at.date(),
        released[1] if released else last_open,
        days,
        chosen,
        sessions,
        list(dict.fromkeys(slot.title for slot in department.slots)),
        sorted({slot.specialty for slot in department.slots if slot.specialty}),
        first - DAYS * ONE_DAY if first > at.date() else None,
        # One day past the furthest is shown: what the next release will bring.
        later if later <= last_open + ONE_DAY else None,
        {one.slot.title: one.release for one in sessions if one.release.mode is ReleaseMode.DRAW},
    )


def _slot_state(
    slot: Slot, release: Release, at: datetime, rules: HospitalRules, policy: Policy
) -> SlotState:
    state = session_state(
        slot.visit_date, slot.remaining, slot.stopped, at, rules, policy, slot.held
    )
    draw = None
    if slot.held and slot.draw_at is not None and state in ("by_draw", "not_released"):
        kind = DrawKind.RELEASE if slot.is_release else DrawKind.RETURNED
        closes_at = applications_until(kind, slot.draw_at)
        draw = FirstDraw(slot.drawn, slot.is_release, slot.is_added, slot.draw_at, closes_at)
    returns_by_draw = policy.draw_returned_places or release.mode is ReleaseMode.DRAW
    waits = draw is not None or (state == "full" and returns_by_draw)
    return SlotState(slot, state, release, draw, waits)


def _day(
    day: date,
    slots: list[SlotState],
    with_clinic: set[date],
    at: datetime,
    rules: HospitalRules,
    policy: Policy,
) -> Day:
    if day <= at.date():
        return Day(day, "closed")
    states = {one.state for one in slots if one.slot.visit_date == day}
    state = next((one for one in _BEST_FIRST if one in states), None)
    if state is None and day in with_clinic:
        return Day(day, NO_MATCH)
    refused = date_refusal(day, at, rules, policy)
    if state == "not_released" or (
        state is None and refused is not None and refused.reason in _TOO_EARLY
    ):
        return Day(day, "not_released", refused.retry_from if refused else None)
    return Day(day, state or NO_CLINIC)


def _chosen(days: list[Day], day: date | None) -> Day:
    asked = next((one for one in days if one.day == day), None)
    bookable = (one for one in days if one.state == "available")
    shown = (one for one in days if one.state not in (NO_CLINIC, NO_MATCH, "closed"))
    return asked or next(bookable, None) or next(shown, days[0])
