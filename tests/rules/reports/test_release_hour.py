"""When places were and will be released, and in which steps the hour is shown."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta

import pytest

from guahao.rules.kernel.limits import CITY_TIME, HospitalRules, Policy
from guahao.rules.reports.release_hour import Opened, ReleaseMoment, in_steps, releases, step_of
from guahao.rules.supply.releasing import Held


def held(clock: time, cycle_days: int | None = 14) -> tuple[Held, ...]:
    rules = HospitalRules(release_time=clock, cycle_days=cycle_days)
    return (Held(date.min, rules, Policy()),)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


EARLY, LATE = held(time(7, 0)), held(time(15, 0))


@pytest.mark.parametrize(
    ("now", "last", "following", "hospitals"),
    [
        ("2026-11-30 06:59", ["2026-11-29 15:00", "2026-11-29 07:00"], "2026-11-30 07:00", 2),
        ("2026-11-30 07:00", ["2026-11-30 07:00", "2026-11-29 15:00"], "2026-11-30 15:00", 1),
        ("2026-11-30 15:01", ["2026-11-30 15:00", "2026-11-30 07:00"], "2026-12-01 07:00", 2),
    ],
)
def test_the_releases_around_a_moment(
    now: str, last: list[str], following: str, hospitals: int
) -> None:
    found = releases({1: EARLY, 2: EARLY, 3: LATE}, at(now))
    assert found is not None
    assert [release.at for release in found.last] == [at(moment) for moment in last]
    assert (found.next_at, found.next_hospitals) == (at(following), hospitals)


def test_a_release_opens_the_day_that_its_cycle_reaches() -> None:
    found = releases({1: EARLY}, at("2026-11-30 07:00"))
    assert found is not None
    assert found.last[0].opened == (Opened(1, date(2026, 12, 14), date(2026, 12, 14)),)


def test_the_end_of_a_short_month_opens_several_days_or_none() -> None:
    by_horizon = held(time(7, 0), cycle_days=None)  # three months
    several = releases({1: by_horizon}, at("2027-03-01 08:00"))
    assert several is not None
    assert several.last[0].opened == (Opened(1, date(2027, 5, 29), date(2027, 6, 1)),)
    none = releases({1: by_horizon}, at("2026-11-30 08:00"))
    assert none is not None
    assert (none.last[0].hospitals, none.last[0].opened) == (1, ())
    assert releases({}, at("2026-11-30 08:00")) is None


def test_the_release_that_is_on_is_shown_then_the_largest_unless_one_is_chosen() -> None:
    found = releases({1: EARLY, 2: EARLY, 3: LATE}, at("2026-11-30 15:30"))
    assert found is not None
    early, late = at("2026-11-30 07:00"), at("2026-11-30 15:00")
    assert found.chosen(at("2026-11-30 15:30"), None).at == late
    assert found.chosen(at("2026-11-30 16:00"), None).at == early
    assert found.chosen(at("2026-11-30 16:00"), late).at == late
    assert found.chosen(at("2026-11-30 16:00"), at("2026-01-01 07:00")).at == early


def test_a_change_of_the_rules_holds_from_its_first_day() -> None:
    """From 1 December on places are released at 15:00 and for 20 days."""
    old = HospitalRules(release_time=time(7), cycle_days=14)
    new = HospitalRules(release_time=time(15), cycle_days=20)
    rules = (Held(date.min, old, Policy()), Held(date(2026, 12, 1), new, Policy()))
    before = releases({1: rules}, at("2026-11-30 07:00"))
    after = releases({1: rules}, at("2026-12-01 15:00"))
    assert before is not None
    assert after is not None
    assert (before.last[0].at, before.next_at) == (at("2026-11-30 07:00"), at("2026-12-01 15:00"))
    assert after.last[0].at == at("2026-12-01 15:00")
    assert after.last[0].opened == (Opened(1, date(2026, 12, 15), date(2026, 12, 21)),)


def test_the_next_release_is_never_the_one_of_this_moment() -> None:
    found = releases({1: EARLY}, at("2026-11-30 07:00"))
    assert found is not None
    assert (found.last[0].at, found.next_at) == (at("2026-11-30 07:00"), at("2026-12-01 07:00"))
    just_before = releases({1: EARLY}, at("2026-11-30 06:59:59.999999"))
    assert just_before is not None
    assert just_before.last[0].at == at("2026-11-29 07:00")
    assert just_before.next_at == at("2026-11-30 07:00")


def test_a_release_is_on_for_an_hour() -> None:
    release = ReleaseMoment(at("2026-11-30 07:00"), 1, ())
    moments = ("06:59:59", "07:00", "07:59:59", "08:00")
    assert [release.is_on(at(f"2026-11-30 {clock}")) for clock in moments] == [
        *(False, True, True, False)
    ]


@pytest.mark.parametrize(
    ("seconds", "step"), [(60, 1), (60.1, 10), (600, 10), (600.1, 60), (3600, 60), (9999, 60)]
)
def test_a_step_is_longer_the_more_of_the_hour_is_shown(seconds: float, step: int) -> None:
    assert step_of(timedelta(seconds=seconds)) == timedelta(seconds=step)


def test_what_lies_outside_of_what_is_shown_is_counted_at_its_edge() -> None:
    by_second = {-5: {"booked": 1}, 0: {"booked": 1}, 19: {"booked": 1}, 20: {"booked": 1}}
    elapsed, step = timedelta(seconds=20), timedelta(seconds=10)
    assert in_steps(by_second, elapsed, step) == [Counter(booked=2), Counter(booked=2)]
    assert in_steps({0: {"booked": 1}}, timedelta(), step) == [Counter(booked=1)]
    single = timedelta(seconds=1)
    assert in_steps({0: {"booked": 1}, 1: {"booked": 2}}, 3 * single, single) == [
        *(Counter(booked=1), Counter(booked=2), Counter())
    ]


def test_steps_are_fine_at_first_and_never_too_many() -> None:
    for seconds in (1, 59, 60, 61, 600, 601, 3600):
        elapsed = timedelta(seconds=seconds)
        assert len(in_steps({}, elapsed, step_of(elapsed))) <= 60
    assert step_of(timedelta(seconds=30)) == timedelta(seconds=1)
    assert step_of(timedelta(minutes=5)) == timedelta(seconds=10)
    assert step_of(timedelta(minutes=50)) == timedelta(minutes=1)


def test_seconds_are_added_up_to_steps_with_those_without_anything() -> None:
    by_second = {0: {"booked": 2}, 9: {"booked": 1, "sold_out": 4}, 35: {"sold_out": 1}}
    assert in_steps(by_second, timedelta(seconds=31), timedelta(seconds=10)) == [
        Counter(booked=3, sold_out=4),
        Counter(),
        Counter(),
        Counter(sold_out=1),
    ]
