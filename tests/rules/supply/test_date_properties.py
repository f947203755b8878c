"""What holds for every date, hospital and policy (S4-S6): compared with a calendar walked."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from tests.rules import oracle
from tests.rules.helpers import decide, patient, session, word
from tests.rules.strategies import dates, hospital_rules, moments, number, policies, visit_dates

from guahao.rules.kernel.limits import (
    HospitalRules,
    Policy,
    add_months,
    fullest_in_days,
    fullest_in_months,
)
from guahao.rules.supply.releasing import (
    city_time,
    date_refusal,
    furthest,
    open_dates,
    opens_at,
    session_state,
)

ONE_DAY = timedelta(days=1)
MONDAY, USUAL = date(2026, 11, 30), HospitalRules()
horizons = number(3, 0, 7).map(lambda months: Policy(horizon_months=months))
STATES = {
    "session_stopped": "stopped",
    "same_day": "closed",
    "next_day_closed": "closed",
    "beyond_horizon": "not_released",
    "not_released": "not_released",
    "sold_out": "full",
    "booked": "available",
}


@given(dates, dates, st.integers(0, 40))
def test_months_never_go_back_when_their_date_goes_on(one: date, other: date, months: int) -> None:
    earlier, later = sorted([one, other])
    assert add_months(earlier, months) <= add_months(later, months)
    assert add_months(earlier, months) <= add_months(earlier + ONE_DAY, months)


@given(dates, st.integers(0, 40))
def test_months_end_where_counting_them_by_hand_ends(start: date, months: int) -> None:
    end = add_months(start, months)
    assert end == oracle.months_later(start, months)
    assert add_months(end, -months) <= start
    assert end.day == start.day or (end + ONE_DAY).day == 1


@given(dates, hospital_rules, policies)
def test_the_furthest_date_never_goes_back(
    today: date, rules: HospitalRules, policy: Policy
) -> None:
    assert furthest(today, rules, policy) == oracle.last_open(today, rules, policy)
    assert furthest(today, rules, policy) <= furthest(today + ONE_DAY, rules, policy)


@settings(max_examples=300)
@given(moments, hospital_rules, policies, st.data())
def test_a_date_is_refused_for_the_first_reason_that_applies(
    at: datetime, rules: HospitalRules, policy: Policy, data: st.DataObject
) -> None:
    visit_date = data.draw(visit_dates(at.date(), rules, policy))
    refused = date_refusal(visit_date, at, rules, policy)
    expected = oracle.first(oracle.date_reasons(visit_date, at, rules, policy))
    event(expected)
    assert (refused.reason if refused else "booked") == expected


@given(dates, hospital_rules, horizons)
def test_a_date_opens_on_the_first_day_that_reaches_it(
    visit_date: date, rules: HospitalRules, policy: Policy
) -> None:
    """Found again by asking every day of the 300 before it."""
    days = oracle.dates_from(visit_date - timedelta(days=300), 300)
    reached = [day for day in days if oracle.last_open(day, rules, policy) >= visit_date]
    event("opens" if reached else "never opens")
    day = reached[0] if reached else visit_date - ONE_DAY
    assert opens_at(visit_date, rules, policy) == city_time(day, rules.release_time)


@given(dates, hospital_rules, policies)
def test_every_date_opens_exactly_once(today: date, rules: HospitalRules, policy: Policy) -> None:
    """A date is newly open on one day; before it never, after it until the visit day always."""
    visit_date = today + timedelta(days=300)
    at = rules.release_time
    open_on = [
        day
        for day in oracle.dates_from(today, 300)
        if not oracle.date_reasons(visit_date, city_time(day, at), rules, policy)
        - {"next_day_closed"}
    ]
    if open_on:
        assert open_on == oracle.dates_from(open_on[0], (visit_date - open_on[0]).days)
        assert city_time(open_on[0], at) == opens_at(visit_date, rules, policy)


@given(moments, st.integers(-3, 3), hospital_rules, policies)
def test_whoever_is_too_late_is_told_the_first_date_that_is_open(
    at: datetime, ahead: int, rules: HospitalRules, policy: Policy
) -> None:
    refused = date_refusal(at.date() + timedelta(days=ahead), at, rules, policy)
    if refused is None or refused.reason in oracle.TOO_EARLY:
        return
    coming = oracle.dates_from(at.date(), 300)
    free = (day for day in coming if not oracle.date_reasons(day, at, rules, policy))
    assert refused.visit_from == next(free, None)


@given(moments, hospital_rules, horizons, st.data())
def test_a_reader_sees_what_booking_would_answer(
    at: datetime, rules: HospitalRules, policy: Policy, data: st.DataObject
) -> None:
    visit_date = data.draw(visit_dates(at.date(), rules, policy))
    places = data.draw(st.integers(0, 2), label="places left")
    stopped = data.draw(st.sampled_from([False, False, False, True]), label="stopped")
    offered = session(visit_date, capacity=2, booked=2 - places, stopped=stopped, rules=rules)
    answer = word(decide(offered, patient(), at=at, policy=policy))
    event(answer)
    assert session_state(visit_date, places, stopped, at, rules, policy) == STATES[answer]


@given(moments, hospital_rules, horizons)
@example(city_time(MONDAY, USUAL.release_time), USUAL, Policy())
@example(city_time(MONDAY, time(0, 1)), USUAL, Policy())
@example(city_time(MONDAY, USUAL.next_day_stop_time), USUAL, Policy())
def test_the_open_dates_are_those_that_no_rule_of_dates_refuses(
    at: datetime, rules: HospitalRules, policy: Policy
) -> None:
    days = (furthest(at.date(), rules, policy) - at.date()).days + 2
    coming = (at.date() + n * ONE_DAY for n in range(days))
    free = [day for day in coming if date_refusal(day, at, rules, policy) is None]
    assert open_dates(at, rules, policy) == ((free[0], free[-1]) if free else None)
    assert not free or len(free) == (free[-1] - free[0]).days + 1


near = st.integers(-120, 120)


@given(dates, st.lists(near | st.integers(-9, 9), max_size=9), st.integers(1, 15))
def test_the_fullest_run_of_days_is_found(day: date, away: list[int], days: int) -> None:
    held = [day + timedelta(days=n) for n in away]
    assert len(fullest_in_days(held, day, days)) == oracle.most_in_days(held, day, days)


@given(dates, st.lists(near, max_size=12), st.integers(1, 4))
def test_the_fullest_run_of_months_is_found(day: date, away: list[int], months: int) -> None:
    held = [day + timedelta(days=n) for n in away]
    assert len(fullest_in_months(held, day, months)) == oracle.most_in_months(held, day, months)
