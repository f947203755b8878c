"""When a visit date can be booked (S4-S6), and what a session looks like to a reader."""

from __future__ import annotations

from datetime import date, datetime, time

from guahao.rules.limits import CITY_TIME, ONE_DAY, HospitalRules, Policy, add_months
from guahao.rules.outcomes import Refusal, Refused


def furthest(day: date, rules: HospitalRules, policy: Policy) -> date:
    """The last visit date open on `day`, today being day 0 (S4)."""
    horizon = add_months(day, policy.horizon_months)
    if rules.cycle_days is None:
        return horizon
    return min(horizon, date.fromordinal(day.toordinal() + rules.cycle_days))


def opens_at(visit_date: date, rules: HospitalRules, policy: Policy) -> datetime:
    """The moment a visit date is released: its first bookable day, at the release time."""
    day = visit_date - ONE_DAY
    while furthest(day - ONE_DAY, rules, policy) >= visit_date:
        day -= ONE_DAY
    return city_time(day, rules.release_time)


def date_refusal(
    visit_date: date, at: datetime, rules: HospitalRules, policy: Policy
) -> Refused | None:
    """Why `visit_date` cannot be booked at `at`, or None: same_day … not_released."""
    today = at.date()
    if visit_date <= today:
        return Refused(Refusal.SAME_DAY)
    if visit_date == today + ONE_DAY and at.time() >= rules.next_day_stop_time:
        return Refused(Refusal.NEXT_DAY_CLOSED)
    if visit_date > furthest(today, rules, policy):
        return Refused(Refusal.BEYOND_HORIZON, opens_at(visit_date, rules, policy))
    newly_open = visit_date > furthest(today - ONE_DAY, rules, policy)
    if newly_open and at.time() < rules.release_time:
        return Refused(Refusal.NOT_RELEASED, city_time(today, rules.release_time))
    return None


def session_state(
    visit_date: date,
    remaining: int,
    stopped: bool,
    at: datetime,
    rules: HospitalRules,
    policy: Policy,
) -> str:
    """What a reader is shown: stopped, closed, not_released, full or available."""
    if stopped:
        return "stopped"
    refused = date_refusal(visit_date, at, rules, policy)
    if refused is None:
        return "available" if remaining > 0 else "full"
    too_late = refused.reason in (Refusal.SAME_DAY, Refusal.NEXT_DAY_CLOSED)
    return "closed" if too_late else "not_released"


def city_time(day: date, clock: time) -> datetime:
    """A date and a clock reading in the city, as one moment."""
    return datetime.combine(day, clock, CITY_TIME)
