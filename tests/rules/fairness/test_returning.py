"""A place that comes back is free only where a swap would be pointless."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.fairness.returning import (
    ANNOUNCED,
    DrawKind,
    Fate,
    ReleaseMode,
    Return,
    ReturnFacts,
    applications_until,
    draw_hours,
    next_draw,
    returned,
)
from guahao.rules.kernel.limits import CITY_TIME

VISIT = date(2026, 12, 4)  # a Friday
RELEASED = "2026-09-04 07:00"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


@pytest.mark.parametrize(
    ("now", "draw_at"),
    [
        ("2026-12-01 07:00", "2026-12-01 08:00"),
        ("2026-12-01 07:30", "2026-12-01 08:00"),
        ("2026-12-01 07:30:01", "2026-12-01 10:00"),  # announced for less than half an hour
        ("2026-12-01 09:00", "2026-12-01 10:00"),
        ("2026-12-01 19:30", "2026-12-01 20:00"),
        ("2026-12-01 19:31", "2026-12-02 08:00"),
        ("2026-12-02 23:59", "2026-12-03 08:00"),
        # On the day before the visit hourly, until 14:00.
        ("2026-12-03 08:10", "2026-12-03 09:00"),
        ("2026-12-03 13:30", "2026-12-03 14:00"),
        ("2026-12-03 13:31", None),
        ("2026-12-03 20:00", None),
        ("2026-12-04 07:00", None),
    ],
)
def test_the_next_draw(now: str, draw_at: str | None) -> None:
    assert next_draw(VISIT, at(now)) == (None if draw_at is None else at(draw_at))


@pytest.mark.parametrize(
    ("stops_at", "draw_at"),
    [("12:00", "2026-12-03 11:00"), ("11:00:01", "2026-12-03 11:00"), ("11:00", None)],
)
def test_nothing_is_drawn_once_the_next_day_is_closed(stops_at: str, draw_at: str | None) -> None:
    found = next_draw(VISIT, at("2026-12-03 10:20"), time.fromisoformat(stops_at))
    assert found == (None if draw_at is None else at(draw_at))


def facts(mode: ReleaseMode, *, was_full: bool, released: str = RELEASED) -> ReturnFacts:
    return ReturnFacts(VISIT, mode, was_full, at(released))


@pytest.mark.parametrize(
    ("mode", "was_full", "now", "fate"),
    [
        (ReleaseMode.FIRST_COME, False, "2026-12-01 09:00", Fate.FREE),
        (ReleaseMode.FIRST_COME, True, "2026-12-01 09:00", Fate.HELD),
        (ReleaseMode.DRAW, False, "2026-12-01 09:00", Fate.HELD),
        (ReleaseMode.DRAW, True, "2026-12-01 09:00", Fate.HELD),
        # Before the release nobody could have booked it.
        (ReleaseMode.FIRST_COME, True, "2026-09-04 06:59:59", Fate.FREE),
        (ReleaseMode.FIRST_COME, True, RELEASED, Fate.HELD),
        # After the last draw it goes to the counter, and never to who is fastest.
        (ReleaseMode.FIRST_COME, True, "2026-12-03 13:31", Fate.COUNTER),
        (ReleaseMode.DRAW, False, "2026-12-03 13:31", Fate.COUNTER),
        (ReleaseMode.FIRST_COME, False, "2026-12-03 13:31", Fate.FREE),
    ],
)
def test_where_a_returned_place_goes(
    mode: ReleaseMode, was_full: bool, now: str, fate: Fate
) -> None:
    assert returned(facts(mode, was_full=was_full), at(now)).fate is fate


@pytest.mark.parametrize("now", ["2026-12-01 09:00", "2026-12-03 13:31"])
def test_a_city_may_give_returned_places_to_the_fastest(now: str) -> None:
    switched_off = replace(facts(ReleaseMode.FIRST_COME, was_full=True), draws_returned=False)
    assert returned(switched_off, at(now)) == Return(Fate.FREE)
    # What a hospital gives out by draws is drawn all the same.
    by_draw = replace(facts(ReleaseMode.DRAW, was_full=True), draws_returned=False)
    assert returned(by_draw, at(now)).fate is not Fate.FREE


@pytest.mark.parametrize(
    ("now", "draw_at"),
    [
        ("2026-06-01 09:00", RELEASED),
        ("2026-09-03 19:59:59", RELEASED),
        # Too late for the applications: the first draw after the release.
        ("2026-09-03 20:00", "2026-09-04 08:00"),
        ("2026-09-04 06:59", "2026-09-04 08:00"),
        ("2026-09-04 07:00", "2026-09-04 08:00"),
    ],
)
def test_all_places_of_a_contested_clinic_wait_for_the_draw_at_its_release(
    now: str, draw_at: str
) -> None:
    found = returned(facts(ReleaseMode.DRAW, was_full=False), at(now))
    assert found == Return(Fate.HELD, at(draw_at))


def test_a_held_place_says_when_it_is_drawn() -> None:
    found = returned(facts(ReleaseMode.FIRST_COME, was_full=True), at("2026-12-01 09:00"))
    assert found == Return(Fate.HELD, at("2026-12-01 10:00"))


def test_when_applications_are_taken() -> None:
    draw_at = at("2026-09-04 07:00")
    assert applications_until(DrawKind.RELEASE, draw_at) == at("2026-09-03 20:00")
    assert applications_until(DrawKind.RETURNED, draw_at) == at("2026-09-04 06:50")


@given(st.integers(0, 15 * 86_400))
def test_every_draw_is_announced_long_enough_and_before_the_visit(seconds: int) -> None:
    now = at("2026-11-20") + timedelta(seconds=seconds)
    draw_at = next_draw(VISIT, now)
    if draw_at is not None:
        assert now + ANNOUNCED <= draw_at <= now + timedelta(hours=13)
        assert draw_at.date() < VISIT


def test_at_which_hours_returned_places_are_drawn() -> None:
    visit = date(2026, 12, 4)
    assert [*draw_hours(date(2026, 12, 2), visit)] == [8, 10, 12, 14, 16, 18, 20]
    assert [*draw_hours(date(2026, 12, 3), visit)] == [8, 9, 10, 11, 12, 13, 14]
    assert [*draw_hours(visit, visit)] == [*draw_hours(date(2026, 12, 5), visit)] == []


def test_a_hospital_stops_the_next_day_at_three_unless_it_says_otherwise() -> None:
    released = datetime(2026, 12, 1, 7, tzinfo=CITY_TIME)
    facts = ReturnFacts(date(2026, 12, 4), ReleaseMode.DRAW, True, released)
    assert (facts.stops_at, facts.draws_returned) == (time(15, 0), True)
