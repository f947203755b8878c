"""The hours of a clinic session: which it may have, and whether those of two may overlap."""

from __future__ import annotations

from datetime import time

import pytest

from guahao.rules.kernel.facts import PERIODS
from guahao.rules.supply.hours import (
    PERIOD_BEGINS,
    Hours,
    HoursFault,
    hours_fault,
    may_overlap,
    new_hours_fault,
)

NO_START, END_FIRST = HoursFault.END_WITHOUT_START, HoursFault.END_BEFORE_START
OUTSIDE = HoursFault.OUTSIDE_PERIOD


# In descending precedence.
@pytest.mark.parametrize(
    ("period", "starts_at", "ends_at", "fault"),
    [
        ("morning", None, time(9), NO_START),
        ("morning", None, time(0), NO_START),
        ("night", None, time(9), NO_START),
        ("morning", time(15), time(14), END_FIRST),
        ("morning", time(15), time(15), END_FIRST),
        ("morning", time(9), time(8, 59), END_FIRST),
        ("morning", time(9), time(9), END_FIRST),
        ("night", time(9), time(9), END_FIRST),
        ("morning", time(15), time(16), OUTSIDE),
        ("morning", time(15), None, OUTSIDE),
        ("afternoon", time(8), time(16), OUTSIDE),
        ("evening", time(8), None, OUTSIDE),
        ("morning", time(9), time(9, 1), None),
        ("morning", time(9), time(20), None),
        ("morning", time(9), None, None),
        ("morning", None, None, None),
        # A period that there is not is refused for itself.
        ("night", time(9), time(10), None),
        ("night", time(9), None, None),
    ],
)
def test_what_is_wrong_with_hours(
    period: str, starts_at: time | None, ends_at: time | None, fault: HoursFault | None
) -> None:
    assert hours_fault(Hours(period, starts_at, ends_at)) is fault


def test_the_reasons_stand_in_order_of_precedence() -> None:
    assert [*HoursFault] == [NO_START, END_FIRST, OUTSIDE]


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("morning", time(5, 0), time(12, 59)),
        ("afternoon", time(11, 0), time(18, 59)),
        ("evening", time(16, 0), time(23, 59)),
    ],
)
def test_each_period_has_hours_in_which_a_session_may_begin(
    period: str, first: time, last: time
) -> None:
    assert PERIOD_BEGINS[period] == (first, last)
    assert hours_fault(Hours(period, first, None)) is None
    assert hours_fault(Hours(period, last, None)) is None
    before = first.replace(hour=first.hour - 1, minute=59)
    assert hours_fault(Hours(period, before, None)) is OUTSIDE
    assert hours_fault(Hours(period, last.replace(second=1), None)) is OUTSIDE


def test_every_period_has_its_hours() -> None:
    assert set(PERIOD_BEGINS) == set(PERIODS)


OLD = Hours("morning", time(15), time(16))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (None, OLD, OUTSIDE),
        (OLD, OLD, None),
        (OLD, OLD._replace(ends_at=time(17)), OUTSIDE),
        (OLD, OLD._replace(starts_at=time(15, 30)), OUTSIDE),
        (OLD._replace(period="afternoon"), OLD, OUTSIDE),
        (OLD, OLD._replace(ends_at=time(15)), END_FIRST),
        (OLD, OLD._replace(period="afternoon"), None),
        (OLD, OLD._replace(starts_at=time(8)), None),
        (None, Hours("morning", None, None), None),
    ],
)
def test_only_new_hours_are_refused(
    before: Hours | None, after: Hours, fault: HoursFault | None
) -> None:
    assert new_hours_fault(before, after) is fault


def hours(starts_at: time | None, ends_at: time | None = None) -> Hours:
    return Hours("morning", starts_at, ends_at)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (hours(time(8), time(10)), hours(time(9), time(11)), True),
        (hours(time(8), time(12)), hours(time(9), time(10)), True),
        (hours(time(8), time(9)), hours(time(8), time(10)), True),
        # Time slots, one after the other.
        (hours(time(8), time(9)), hours(time(9), time(10)), False),
        (hours(time(8), time(9)), hours(time(11), time(12)), False),
        # Without an end it may last until the day ends.
        (hours(time(8)), hours(time(11), time(12)), True),
        (hours(time(8)), hours(time(9)), True),
        (hours(time(23, 59)), hours(time(23, 59)), True),
        (hours(time(8), time(9)), hours(time(9)), False),
        # Without a start it takes the whole period.
        (hours(None), hours(time(8), time(9)), True),
        (hours(None), hours(None), True),
        (hours(None), Hours("afternoon", None, None), False),
        (hours(time(8)), Hours("afternoon", time(12), time(13)), False),
    ],
)
def test_whether_two_clinics_may_be_held_at_the_same_time(
    one: Hours, other: Hours, overlap: bool
) -> None:
    assert may_overlap(one, other) is overlap
    assert may_overlap(other, one) is overlap
