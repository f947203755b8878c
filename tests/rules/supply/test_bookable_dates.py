"""From when and until when a visit date can be booked (S4-S6)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.rules.helpers import clock, day, moment

from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.supply.releasing import date_refusal, furthest, opens_at, session_state

AT_EIGHT = HospitalRules(release_time=clock("08:00"))
AT_MIDNIGHT = HospitalRules()


def told(
    visit_date: str, at: str, rules: HospitalRules = AT_MIDNIGHT, policy: Policy | None = None
) -> str:
    """`open`, or the refusal's word."""
    refused = date_refusal(day(visit_date), moment(at), rules, policy or Policy())
    return "open" if refused is None else refused.reason.value


def opened_on(today: date, rules: HospitalRules) -> list[date]:
    """What could not be booked the day before, and can be on this one."""
    before = furthest(today - timedelta(days=1), rules, Policy())
    count = (furthest(today, rules, Policy()) - before).days
    return [before + timedelta(days=n + 1) for n in range(count)]


@pytest.mark.parametrize(
    ("visit_date", "at", "answer"),
    [
        ("2026-03-01", "2026-03-02 10:00", "same_day"),  # the past, too
        ("2026-03-02", "2026-03-02 00:00", "same_day"),
        ("2026-03-02", "2026-03-02 23:59:59.999999", "same_day"),
        ("2026-03-03", "2026-03-02 00:00", "open"),
        ("2026-03-03", "2026-03-02 14:59:59.999999", "open"),
        ("2026-03-03", "2026-03-02 15:00", "next_day_closed"),
        ("2026-03-03", "2026-03-02 23:59:59.999999", "next_day_closed"),
        ("2026-03-04", "2026-03-02 15:00", "open"),
        ("2026-03-04", "2026-03-02 23:59:59.999999", "open"),
    ],
)
def test_the_next_day_is_open_until_fifteen_o_clock(visit_date: str, at: str, answer: str) -> None:
    assert told(visit_date, at) == answer


@pytest.mark.parametrize(
    ("stop", "at", "answer"),
    [
        ("12:00", "2026-03-02 11:59:59.999999", "open"),
        ("12:00", "2026-03-02 12:00", "next_day_closed"),
        ("17:30", "2026-03-02 15:00", "open"),
        ("17:30", "2026-03-02 17:30", "next_day_closed"),
        ("00:00", "2026-03-02 00:00", "next_day_closed"),
    ],
)
def test_a_hospital_stops_the_next_day_at_its_own_time(stop: str, at: str, answer: str) -> None:
    rules = HospitalRules(next_day_stop_time=clock(stop))
    assert told("2026-03-03", at, rules) == answer
    assert told("2026-03-04", at, rules) == "open"


@pytest.mark.parametrize(
    ("today", "cycle_days", "last"),
    [
        ("2026-03-02", None, "2026-06-02"),
        ("2026-03-31", None, "2026-06-30"),  # June has no 31st
        ("2026-11-30", None, "2027-02-28"),
        ("2027-11-30", None, "2028-02-29"),  # a leap year
        ("2027-11-29", None, "2028-02-29"),
        ("2027-11-28", None, "2028-02-28"),
        ("2026-12-15", None, "2027-03-15"),
        ("2026-03-02", 7, "2026-03-09"),  # today is day 0
        ("2026-03-02", 1, "2026-03-03"),
        ("2026-03-02", 92, "2026-06-02"),
        ("2026-03-02", 93, "2026-06-02"),  # three months come first
        ("2026-12-01", 90, "2027-03-01"),
        ("2026-12-01", 91, "2027-03-01"),
        ("2026-11-30", 90, "2027-02-28"),
        ("2026-11-30", 89, "2027-02-27"),
    ],
)
def test_the_furthest_date_is_three_months_or_the_hospital_s_cycle_away(
    today: str, cycle_days: int | None, last: str
) -> None:
    rules = HospitalRules(cycle_days=cycle_days)
    assert furthest(day(today), rules, Policy()) == day(last)
    after = (day(last) + timedelta(days=1)).isoformat()
    assert told(last, f"{today} 00:00", rules) == "open"
    assert told(after, f"{today} 23:59:59", rules) == "beyond_horizon"


@pytest.mark.parametrize(
    ("today", "opened"),
    [
        ("2026-03-02", ["2026-06-02"]),
        ("2027-02-27", ["2027-05-27"]),
        ("2027-02-28", ["2027-05-28"]),
        ("2027-03-01", ["2027-05-29", "2027-05-30", "2027-05-31", "2027-06-01"]),
        ("2028-02-29", ["2028-05-29"]),
        ("2028-03-01", ["2028-05-30", "2028-05-31", "2028-06-01"]),
        ("2026-05-30", ["2026-08-30"]),
        ("2026-05-31", ["2026-08-31"]),
        ("2026-06-30", ["2026-09-30"]),
        ("2026-07-01", ["2026-10-01"]),
        ("2026-08-30", ["2026-11-30"]),
        ("2026-08-31", []),  # November has no 31st
        ("2026-09-01", ["2026-12-01"]),
        ("2026-11-28", ["2027-02-28"]),
        ("2026-11-29", []),
        ("2026-11-30", []),
        ("2026-12-01", ["2027-03-01"]),
        ("2027-11-29", ["2028-02-29"]),
        ("2027-11-30", []),
        ("2026-12-31", ["2027-03-31"]),
        ("2026-04-30", ["2026-07-30"]),
        ("2026-05-01", ["2026-07-31", "2026-08-01"]),
    ],
)
def test_a_month_s_end_opens_no_date_or_several(today: str, opened: list[str]) -> None:
    assert opened_on(day(today), AT_EIGHT) == [day(d) for d in opened]
    for visit_date in opened:
        assert told(visit_date, f"{today} 07:59:59.999999", AT_EIGHT) == "not_released"
        assert told(visit_date, f"{today} 08:00", AT_EIGHT) == "open"
        assert opens_at(day(visit_date), AT_EIGHT, Policy()) == moment(f"{today} 08:00")


@pytest.mark.parametrize(
    ("visit_date", "cycle_days", "opens"),
    [
        ("2026-03-10", 7, "2026-03-03 08:00"),
        ("2026-03-03", 1, "2026-03-02 08:00"),
        ("2027-05-31", 92, "2027-03-01 08:00"),  # three months, clamped
        ("2027-05-31", 91, "2027-03-01 08:00"),
        ("2027-05-31", 90, "2027-03-02 08:00"),  # the cycle
        ("2027-05-31", None, "2027-03-01 08:00"),
        ("2027-02-28", None, "2026-11-28 08:00"),
        ("2027-03-01", None, "2026-12-01 08:00"),
        ("2028-02-29", None, "2027-11-29 08:00"),
        ("2026-11-30", None, "2026-08-30 08:00"),
        ("2026-12-01", None, "2026-09-01 08:00"),
    ],
)
def test_a_date_opens_on_its_first_day_at_the_release_time(
    visit_date: str, cycle_days: int | None, opens: str
) -> None:
    rules = HospitalRules(cycle_days=cycle_days, release_time=clock("08:00"))
    assert opens_at(day(visit_date), rules, Policy()) == moment(opens)


@pytest.mark.parametrize(
    ("visit_date", "at", "answer"),
    [
        ("2026-06-01", "2026-03-02 00:00", "open"),  # released yesterday at 08:00
        ("2026-06-02", "2026-03-02 00:00", "not_released"),
        ("2026-06-02", "2026-03-02 07:59:59.999999", "not_released"),
        ("2026-06-02", "2026-03-02 08:00", "open"),
        ("2026-06-03", "2026-03-02 08:00", "beyond_horizon"),
        ("2026-06-03", "2026-03-02 23:59:59.999999", "beyond_horizon"),
        ("2026-06-03", "2026-03-03 00:00", "not_released"),
    ],
)
def test_only_what_is_new_today_waits_for_the_release_time(
    visit_date: str, at: str, answer: str
) -> None:
    assert told(visit_date, at, AT_EIGHT) == answer


def test_without_a_release_time_a_date_opens_at_midnight() -> None:
    assert told("2026-06-02", "2026-03-01 23:59:59.999999") == "beyond_horizon"
    assert told("2026-06-02", "2026-03-02 00:00") == "open"


def refusal(visit_date: str, at: str, rules: HospitalRules, policy: Policy) -> Refused[Refusal]:
    refused = date_refusal(day(visit_date), moment(at), rules, policy)
    assert refused is not None
    return refused


@pytest.mark.parametrize(
    ("visit_date", "at", "rules", "retry_from"),
    [
        ("2026-06-02", "2026-03-02 07:00", AT_EIGHT, "2026-03-02 08:00"),
        ("2026-06-03", "2026-03-02 07:00", AT_EIGHT, "2026-03-03 08:00"),
        ("2026-06-03", "2026-03-02 10:00", AT_MIDNIGHT, "2026-03-03 00:00"),
        ("2027-05-31", "2027-02-28 10:00", AT_EIGHT, "2027-03-01 08:00"),
    ],
)
def test_whoever_comes_too_early_is_told_when_to_come(
    visit_date: str, at: str, rules: HospitalRules, retry_from: str
) -> None:
    refused = refusal(visit_date, at, rules, Policy())
    assert refused.retry_from == moment(retry_from)
    assert refused.visit_from is None


@pytest.mark.parametrize(
    ("visit_date", "at", "rules", "visit_from"),
    [
        ("2026-03-02", "2026-03-02 10:00", AT_MIDNIGHT, "2026-03-03"),
        ("2026-02-01", "2026-03-02 10:00", AT_MIDNIGHT, "2026-03-03"),
        ("2026-03-02", "2026-03-02 15:00", AT_MIDNIGHT, "2026-03-04"),
        ("2026-03-03", "2026-03-02 15:00", AT_MIDNIGHT, "2026-03-04"),
        ("2026-03-03", "2026-03-02 15:00", HospitalRules(cycle_days=1), None),
        ("2026-03-02", "2026-03-02 10:00", HospitalRules(cycle_days=1), "2026-03-03"),
    ],
)
def test_whoever_comes_too_late_is_told_the_first_date_that_is_open(
    visit_date: str, at: str, rules: HospitalRules, visit_from: str | None
) -> None:
    refused = refusal(visit_date, at, rules, Policy())
    assert refused.visit_from == (day(visit_from) if visit_from else None)
    assert refused.retry_from is None


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        (AT_EIGHT, Policy(horizon_months=0)),
        (HospitalRules(cycle_days=0), Policy()),
        # Released only when the next day's supply has already stopped.
        (HospitalRules(cycle_days=1, release_time=clock("15:00")), Policy()),
    ],
)
def test_what_never_opens_is_given_no_time(rules: HospitalRules, policy: Policy) -> None:
    for visit_date in ("2026-03-03", "2026-03-04", "2026-06-04"):
        assert refusal(visit_date, "2026-03-02 10:00", rules, policy).retry_from is None


@pytest.mark.parametrize(
    ("policy", "last"),
    [
        (Policy(horizon_months=1), "2026-04-02"),
        (Policy(horizon_months=6), "2026-09-02"),
        (Policy(horizon_months=24), "2028-03-02"),
    ],
)
def test_the_platform_may_open_fewer_or_more_months(policy: Policy, last: str) -> None:
    assert furthest(day("2026-03-02"), HospitalRules(), policy) == day(last)
    assert furthest(day("2026-03-02"), HospitalRules(cycle_days=10), policy) == day("2026-03-12")


@pytest.mark.parametrize(
    ("visit_date", "remaining", "stopped", "at", "state"),
    [
        ("2026-03-10", 1, False, "2026-03-02 10:00", "available"),
        ("2026-03-10", 0, False, "2026-03-02 10:00", "full"),
        ("2026-03-10", 1, True, "2026-03-02 10:00", "stopped"),
        ("2026-03-01", 1, True, "2026-03-02 10:00", "stopped"),
        ("2026-03-02", 1, False, "2026-03-02 10:00", "closed"),
        ("2026-03-02", 0, False, "2026-03-02 10:00", "closed"),
        ("2026-03-03", 1, False, "2026-03-02 14:59:59.999999", "available"),
        ("2026-03-03", 1, False, "2026-03-02 15:00", "closed"),
        ("2026-06-02", 1, False, "2026-03-02 07:59", "not_released"),
        ("2026-06-02", 1, False, "2026-03-02 08:00", "available"),
        ("2026-06-03", 0, False, "2026-03-02 08:00", "not_released"),
    ],
)
def test_a_reader_sees_the_state_that_booking_would_meet(
    visit_date: str, remaining: int, stopped: bool, at: str, state: str
) -> None:
    arguments = (day(visit_date), remaining, stopped, moment(at), AT_EIGHT, Policy())
    assert session_state(*arguments) == state
