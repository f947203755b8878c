"""Queue numbers by the order of booking, and time ranges that divide a session's hours."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.hall.numbers import NUMBER_MAX, SessionHours, new_numbers, time_range


@pytest.mark.parametrize(
    ("bookings", "given", "expected"),
    [
        ([], {}, {}),
        ([30, 10, 20], {}, {10: 1, 20: 2, 30: 3}),
        ([10, 20, 40], {10: 1, 20: 2}, {40: 3}),
        # A booking that left the session keeps its number: nobody else gets it.
        ([10, 30, 40], {10: 1, 20: 2}, {30: 3, 40: 4}),
        # Somebody who booked earlier, but came into the session later, stands behind.
        ([5, 10], {10: 1}, {5: 2}),
    ],
)
def test_numbers_follow_the_order_of_booking_and_are_never_given_twice(
    bookings: list[int], given: dict[int, int], expected: dict[int, int]
) -> None:
    assert new_numbers(bookings, given) == expected


@given(
    bookings=st.sets(st.integers(1, 500), max_size=40),
    given=st.dictionaries(st.integers(1, 500), st.integers(1, 60), max_size=20).filter(
        lambda numbers: len(set(numbers.values())) == len(numbers)
    ),
)
def test_every_number_is_new_and_its_own(bookings: set[int], given: dict[int, int]) -> None:
    new = new_numbers(sorted(bookings), given)
    assert new.keys() == bookings - given.keys()
    together = [*given.values(), *new.values()]
    assert len(set(together)) == len(together)
    assert [new[id] for id in sorted(new)] == sorted(new.values())


def test_a_number_has_four_digits_at_most() -> None:
    assert NUMBER_MAX == 9999


MORNING = SessionHours("morning", time(8, 0), time(12, 0), 24)


@pytest.mark.parametrize(
    ("number", "hours", "expected"),
    [
        (1, MORNING, (time(8, 0), time(8, 10))),
        (2, MORNING, (time(8, 10), time(8, 20))),
        (24, MORNING, (time(11, 50), time(12, 0))),
        (25, MORNING, (time(11, 50), time(12, 0))),  # added beyond the capacity
        (1, SessionHours("morning", time(8, 30), time(11, 45), 40), (time(8, 30), time(8, 40))),
        (40, SessionHours("morning", time(8, 30), time(11, 45), 40), (time(11, 40), time(11, 45))),
        (2, SessionHours("morning", time(8, 0), time(9, 0), 4), (time(8, 10), time(8, 30))),
        (1, SessionHours("morning", None, None, 4), (time(8, 0), time(9, 0))),
        (3, SessionHours("afternoon", None, None, 4), (time(15, 0), time(16, 0))),
        (1, SessionHours("evening", time(19, 0), None, 1), (time(19, 0), time(20, 30))),
        (1, SessionHours("evening", time(21, 0), None, 2), (time(21, 0), time(21, 30))),
        (1, SessionHours("morning", time(8, 0), time(8, 5), 1), (time(8, 0), time(8, 5))),
        (1, SessionHours("morning", time(8, 0), time(9, 0), 0), (time(8, 0), time(9, 0))),
        (1, SessionHours("morning", time(8, 7), time(8, 33), 2), (time(8, 7), time(8, 20))),
        (2, SessionHours("morning", time(8, 7), time(8, 33), 2), (time(8, 20), time(8, 33))),
        # The usual hours of each period.
        (1, SessionHours("morning", None, None, 1), (time(8, 0), time(12, 0))),
        (1, SessionHours("afternoon", None, None, 1), (time(13, 0), time(17, 0))),
        (1, SessionHours("evening", None, None, 1), (time(17, 30), time(20, 30))),
        # Without an end: the period's, or an hour where that is over, but not beyond midnight.
        (1, SessionHours("morning", time(11, 59), None, 1), (time(11, 59), time(12, 0))),
        (1, SessionHours("morning", time(12, 0), None, 1), (time(12, 0), time(13, 0))),
        (1, SessionHours("evening", time(22, 59), None, 1), (time(22, 59), time(23, 59))),
        (1, SessionHours("evening", time(23, 30), None, 1), (time(23, 30), time(23, 59))),
        # An end before the period's usual beginning.
        (1, SessionHours("afternoon", None, time(12, 0), 1), (time(12, 0), time(12, 0))),
    ],
)
def test_a_time_range_is_an_equal_part_rounded_outwards(
    number: int, hours: SessionHours, expected: tuple[time, time]
) -> None:
    assert time_range(number, hours) == expected


@given(
    start=st.integers(0, 22 * 60),
    length=st.integers(1, 90),
    capacity=st.integers(1, 300),
    number=st.integers(1, 320),
)
def test_ranges_stay_in_the_hours_and_follow_one_another(
    start: int, length: int, capacity: int, number: int
) -> None:
    ends = start + length
    hours = SessionHours("morning", time(*divmod(start, 60)), time(*divmod(ends, 60)), capacity)
    since, until = time_range(number, hours)
    assert time(*divmod(start, 60)) <= since < until <= time(*divmod(ends, 60))
    later = time_range(number + 1, hours)
    assert (since, until) <= later
    assert later[0] <= until or number >= capacity  # no gap in which nobody is expected
