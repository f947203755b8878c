"""When a visit date can be booked (S4-S6), and what a session looks like to a reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, HospitalRules, Policy, add_months
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.kernel.policies import DatedPolicies

_TOO_LATE = (Refusal.SAME_DAY, Refusal.NEXT_DAY_CLOSED)


def furthest(day: date, rules: HospitalRules, policy: Policy) -> date:
    """Return the last visit date open on `day`, today being day 0 (S4)."""
    horizon = add_months(day, policy.horizon_months)
    if rules.cycle_days is None:
        return horizon
    return min(horizon, date.fromordinal(day.toordinal() + rules.cycle_days))


def opens_at(visit_date: date, rules: HospitalRules, policy: Policy) -> datetime:
    """Return when a visit date is released: on its first bookable day, at the release time."""
    last = visit_date - ONE_DAY
    day = min(add_months(visit_date, -policy.horizon_months), last)
    if rules.cycle_days is not None:
        day = max(day, min(visit_date - timedelta(days=rules.cycle_days), last))
    # Clamped month ends: 31 May is within three months of 1 March, not of 28 February.
    while day < last and furthest(day, rules, policy) < visit_date:
        day += ONE_DAY
    return city_time(day, rules.release_time)


@dataclass(frozen=True, slots=True)
class Held:
    """A hospital's rules and the platform's policy, and the first day on which both hold."""

    begins: date
    rules: HospitalRules
    policy: Policy


def held_together(
    rules: Sequence[tuple[date, HospitalRules]], policies: DatedPolicies
) -> tuple[Held, ...]:
    """Return rules with their first days, in order, cut where the policy changes."""
    first = rules[0][0]
    begins = {day for day, _ in rules} | {row.holds_from for row in policies.rows}
    return tuple(
        Held(day, [one for began, one in rules if began <= day][-1], policies.on(day))
        for day in sorted(day for day in begins if day >= first)
    )


def released_at(visit_date: date, held: Sequence[Held]) -> datetime | None:
    """Return the moment at which a visit date could first be booked, by what holds each day.

    `held`: in order of their first days. None: it never could.
    """
    ends_of = [*(one.begins for one in held[1:]), visit_date]
    for one, ends in zip(held, ends_of, strict=True):
        opens = opens_at(visit_date, one.rules, one.policy)
        if opens.date() < one.begins:
            # What new rules find open already needs no release: it opens with them.
            opens = city_time(one.begins, time())
        reason = _date_reason(visit_date, opens, one.rules, one.policy)
        if opens.date() < ends and reason is None:
            return opens
    return None


def date_refusal(
    visit_date: date, at: datetime, rules: HospitalRules, policy: Policy
) -> Refused[Refusal] | None:
    """Return why `visit_date` cannot be booked at `at`, or None: same_day … not_released.

    Too late: names the first visit date that can be booked. Too early: when it opens.
    """
    reason = _date_reason(visit_date, at, rules, policy)
    if reason is None:
        return None
    if reason in _TOO_LATE:
        days = (at.date() + ONE_DAY, at.date() + 2 * ONE_DAY)
        free = (day for day in days if _date_reason(day, at, rules, policy) is None)
        return Refused(reason, visit_from=next(free, None))
    opens = opens_at(visit_date, rules, policy)
    ever = _date_reason(visit_date, opens, rules, policy) is None
    return Refused(reason, retry_from=opens if ever else None)


def open_dates(at: datetime, rules: HospitalRules, policy: Policy) -> tuple[date, date] | None:
    """Return the first and the last visit date that can be booked at `at`; None if none can."""
    today = at.date()
    first, last = today + ONE_DAY, furthest(today, rules, policy)
    if at.time() >= rules.next_day_stop_time:
        first += ONE_DAY
    if at.time() < rules.release_time:
        last = min(last, furthest(today - ONE_DAY, rules, policy))
    return (first, last) if first <= last else None


def is_closed(visit_date: date, at: datetime, rules: HospitalRules, policy: Policy) -> bool:
    """Return whether it is too late to book a visit date, and not only too early."""
    return _date_reason(visit_date, at, rules, policy) in _TOO_LATE


def _date_reason(
    visit_date: date, at: datetime, rules: HospitalRules, policy: Policy
) -> Refusal | None:
    today = at.date()
    if visit_date <= today:
        return Refusal.SAME_DAY
    if visit_date == today + ONE_DAY and at.time() >= rules.next_day_stop_time:
        return Refusal.NEXT_DAY_CLOSED
    if visit_date > furthest(today, rules, policy):
        return Refusal.BEYOND_HORIZON
    newly_open = visit_date > furthest(today - ONE_DAY, rules, policy)
    if newly_open and at.time() < rules.release_time:
        return Refusal.NOT_RELEASED
    return None


def session_state(
    visit_date: date,
    remaining: int,
    stopped: bool,
    at: datetime,
    rules: HospitalRules,
    policy: Policy,
    held: int = 0,
) -> str:
    """Return what a reader is shown: stopped, closed, not_released, available, by_draw or full.

    `remaining`: places that can be booked. `held`: places that wait for a draw.
    """
    if stopped:
        return "stopped"
    reason = _date_reason(visit_date, at, rules, policy)
    if reason is None:
        if remaining > 0:
            return "available"
        return "by_draw" if held > 0 else "full"
    return "closed" if reason in _TOO_LATE else "not_released"


def city_time(day: date, clock: time) -> datetime:
    """Return a date and a clock reading in the city, as one moment."""
    return datetime.combine(day, clock, CITY_TIME)
