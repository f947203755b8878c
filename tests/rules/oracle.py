"""The law once more: as literal as its page, and slow. What the tests compare with."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from hashlib import sha256
from math import floor

from guahao.rules.kernel.facts import (
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import CITY_TIME, HospitalRules, Policy

# The contract: the first that applies is the answer.
ORDER = (
    "unknown_session",
    "not_your_patient",
    "session_stopped",
    "same_day",
    "next_day_closed",
    "beyond_horizon",
    "not_released",
    "by_draw",
    "account_restricted",
    "document_ended",
    "person_unchecked",
    "patient_suspended",
    "duplicate_department",
    "day_limit",
    "seven_day_limit",
    "three_month_limit",
    "sold_out",
)
SPREAD = 10, 30  # seconds after a release in which accounts come to their moments
TOO_EARLY = ("beyond_horizon", "not_released")


def first(reasons: set[str]) -> str:
    """The answer when all of these apply: `booked` when none does."""
    return min(reasons, key=ORDER.index, default="booked")


def dates_from(start: date, count: int) -> list[date]:
    """So many consecutive dates."""
    return [start + timedelta(days=n) for n in range(count)]


@cache
def months_later(day: date, months: int) -> date:
    """Month by month on, then down to the last date that the month has."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    number = day.day
    while True:
        try:
            return date(year, month, number)
        except ValueError:
            number -= 1


def last_open(day: date, rules: HospitalRules, policy: Policy) -> date:
    """The furthest visit date on `day`."""
    horizon = months_later(day, policy.horizon_months)
    if rules.cycle_days is None:
        return horizon
    return min(horizon, day + timedelta(days=rules.cycle_days))


def date_reasons(visit: date, at: datetime, rules: HospitalRules, policy: Policy) -> set[str]:
    """Every reason of S4 and S6 against this visit date at this moment."""
    today, yesterday, tomorrow = (at.date() + timedelta(days=n) for n in (0, -1, 1))
    applies = {
        "same_day": visit <= today,
        "next_day_closed": visit == tomorrow and not at.time() < rules.next_day_stop_time,
        "beyond_horizon": not visit <= last_open(today, rules, policy),
        "not_released": last_open(yesterday, rules, policy)
        < visit
        <= last_open(today, rules, policy)
        and at.time() < rules.release_time,
    }
    return {reason for reason, does in applies.items() if does}


def own_moment(
    facts: BookingFacts, session: SessionFacts, person: PatientFacts, at: datetime
) -> datetime | None:
    """The person's moment where the visit date was released today or just before midnight."""
    if not facts.policy.personal_release or facts.release_key is None:
        return None
    for day in (at.date(), at.date() - timedelta(days=1)):
        release = datetime.combine(day, session.rules.release_time, CITY_TIME)
        before = last_open(day - timedelta(days=1), session.rules, facts.policy)
        is_new = before < session.visit_date <= last_open(day, session.rules, facts.policy)
        first, last = (release + timedelta(seconds=seconds) for seconds in SPREAD)
        last += timedelta(milliseconds=1)
        if not (is_new and release <= at < last):
            continue
        if date_reasons(session.visit_date, last, session.rules, facts.policy):
            return None  # nobody has a moment where the last would come too late
        key = facts.release_key(session.hospital_id, day)
        drawn = hmac.new(key, person.person, sha256).digest()
        part = Fraction(int.from_bytes(drawn[:8]), 2**64)
        return first + timedelta(milliseconds=floor(20_000 * part) + 1)
    return None


def own_moment_reasons(
    facts: BookingFacts, session: SessionFacts, person: PatientFacts | None, at: datetime
) -> set[str]:
    """Why the person is too early, if they are."""
    moment = None if person is None else own_moment(facts, session, person, at)
    return {"not_released"} if moment is not None and at < moment else set()


def windows_of_days(visit: date, days: int) -> list[set[date]]:
    """Every run of so many consecutive dates that contains the visit date."""
    starts = dates_from(visit - timedelta(days=days - 1), days)
    return [set(dates_from(start, days)) for start in starts]


def windows_of_months(visit: date, months: int) -> list[tuple[date, date]]:
    """Every [s, s + months) that contains the visit date."""
    starts = dates_from(visit - timedelta(days=31 * months), 31 * months + 1)
    windows = [(start, months_later(start, months)) for start in starts]
    return [(start, end) for start, end in windows if start <= visit < end]


def most_in_days(dates: Sequence[date], visit: date, days: int) -> int:
    """The most of `dates` in one such run."""
    windows = windows_of_days(visit, days)
    return max(sum(d in window for d in dates) for window in windows)


def most_in_months(dates: Sequence[date], visit: date, months: int) -> int:
    """The most of `dates` in one such window."""
    windows = windows_of_months(visit, months)
    return max(sum(start <= d < end for d in dates) for start, end in windows)


def limit_reasons(
    place: tuple[int, int], visit: date, counted: Iterable[CountedAppointment], policy: Policy
) -> set[str]:
    """Every limit of S12 that one more appointment there and then would break."""
    places = [(c.hospital_id, c.department_id) for c in counted if c.visit_date == visit]
    dates = [c.visit_date for c in counted] + [visit]
    in_days = most_in_days(dates, visit, policy.short_window_days)
    in_months = most_in_months(dates, visit, policy.long_window_months)
    applies = {
        "duplicate_department": places.count(place) + 1 > policy.per_department_and_day,
        "day_limit": len(places) + 1 > policy.per_day,
        "seven_day_limit": in_days > policy.per_short_window,
        "three_month_limit": in_months > policy.per_long_window,
    }
    return {reason for reason, does in applies.items() if does}


def reasons(facts: BookingFacts, request: BookingRequest) -> set[str]:
    """Every reason for which this request could be refused."""
    found: set[str] = set()
    session = facts.sessions.get(request.session_id)
    person = facts.patients.get(request.patient_id)
    own = person is not None and person.account_id == request.actor.id
    if person is None or (request.actor.kind == "account" and not own):
        found.add("not_your_patient")
    restricted = person.account_restricted_until if person else None
    if request.actor.kind == "account" and restricted and request.at.date() < restricted:
        found.add("account_restricted")
    until = person.suspended_until if person else None
    if until is not None and request.at.date() < until:
        found.add("patient_suspended")
    if session is None:
        return found | {"unknown_session"}
    ends_on = person.document_ends_on if person else None
    if ends_on is not None and not session.visit_date < ends_on:
        found.add("document_ended")
    if person is not None and not person.is_checked:
        live = len([c for c in person.counted if c.is_live])
        famous = session.title == "知名专家" and not facts.policy.unchecked_may_book_experts
        too_many = live >= facts.policy.unchecked_live_bookings
        if session.rules.checked_only or (facts.checks_names and (famous or too_many)):
            found.add("person_unchecked")
    if session.stopped:
        found.add("session_stopped")
    if session.booked + session.held + session.reserved >= session.capacity:
        found.add("by_draw" if session.held else "sold_out")
    found |= date_reasons(session.visit_date, request.at, session.rules, facts.policy)
    found |= own_moment_reasons(facts, session, person, request.at)
    place = (session.hospital_id, session.department_id)
    counted = person.counted if person else ()
    return found | limit_reasons(place, session.visit_date, counted, facts.policy)


def over_a_limit(counted: Sequence[CountedAppointment], policy: Policy) -> list[str]:
    """Every limit of S12 that a person's appointments break, trying every start date."""
    if not counted:
        return []
    dates = [c.visit_date for c in counted]
    begin = min(dates) - timedelta(days=31 * policy.long_window_months + 8)
    broken = []
    for start in dates_from(begin, (max(dates) - begin).days + 1):
        week = set(dates_from(start, policy.short_window_days))
        end = months_later(start, policy.long_window_months)
        if sum(d in week for d in dates) > policy.per_short_window:
            broken.append(f"{policy.short_window_days} days from {start}")
        if sum(start <= d < end for d in dates) > policy.per_long_window:
            broken.append(f"{policy.long_window_months} months from {start}")
    for c in counted:
        if dates.count(c.visit_date) > policy.per_day:
            broken.append(f"on {c.visit_date}")
        if counted.count(c) > policy.per_department_and_day:
            broken.append(f"in department {c.department_id} on {c.visit_date}")
    return broken


def blocked_days(no_shows: Iterable[date], policy: Policy) -> set[date]:
    """Every day on which S16 blocks a person, found by living through the no-shows."""
    steps = {
        (policy.first_suspension_no_shows, policy.first_suspension_months),
        (policy.second_suspension_no_shows, policy.second_suspension_months),
    }
    blocked: set[date] = set()
    count, year = 0, 0
    for visit in sorted(no_shows):
        count = count + 1 if visit.year == year else 1
        year = visit.year
        for nth, months in steps:
            if count == nth:
                length = (months_later(visit, months) - visit).days
                blocked.update(dates_from(visit, length))
    return blocked
