"""Tries in sliding windows, and what processes learn of each other's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.kernel.rates import Limit, Rates

MINUTE = Limit("tries", 10, 60)


def tries(rates: Rates, times: int, now: float, subject: str = "a") -> int:
    """How many of so many tries are let through."""
    return sum(rates.attempt(MINUTE, subject, now) is None for _ in range(times))


def test_as_many_as_the_limit_pass_in_a_window() -> None:
    rates = Rates()
    assert tries(rates, 15, 600) == 10
    assert tries(rates, 15, 600, "b") == 10


def test_the_end_of_a_window_does_not_double_the_limit() -> None:
    rates = Rates()
    assert tries(rates, 15, 659) == 10
    assert tries(rates, 15, 660) == 0
    assert tries(rates, 15, 690) == 5
    assert tries(rates, 15, 780) == 10


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_holds_more_than_twice_the_limit_and_waiting_helps(gaps: list[float]) -> None:
    rates, now, passed = Rates(), 600.0, []
    for gap in gaps:
        now += gap
        wait = rates.attempt(MINUTE, "a", now)
        if wait is None:
            passed.append(now)
            continue
        # Who waits for as long as was said is let through.
        now += wait
        assert rates.attempt(MINUTE, "a", now) is None
        passed.append(now)
    for start in passed:
        assert sum(start <= at < start + 60 for at in passed) < 2 * MINUTE.most


def test_a_refusal_by_one_limit_counts_against_none() -> None:
    rates, other = Rates(), Limit("others", 2, 60)
    both = ((MINUTE, "a"), (other, "b"))
    assert [rates.attempt_all(both, 600) is None for _ in range(9)] == [True] * 2 + [False] * 7
    assert tries(rates, 15, 600) == 8


def test_a_try_that_came_to_nothing_is_taken_back() -> None:
    rates = Rates()
    assert tries(rates, 10, 600) == 10
    for _ in range(4):
        rates.undo(MINUTE, "a", 600)
    assert tries(rates, 15, 601) == 4
    rates.undo(MINUTE, "nobody", 600)
    # The window has ended meanwhile: what it counted fades with it.
    rates.undo(MINUTE, "a", 601)
    for _ in range(10):
        rates.attempt(MINUTE, "b", 659)
    assert tries(rates, 1, 660, "b") == 0
    rates.undo(MINUTE, "b", 659)
    assert tries(rates, 2, 660, "b") == 1


def test_others_hear_of_a_try_that_was_taken_back() -> None:
    rates = Rates()
    tries(rates, 5, 600)
    assert [share.tries for share in rates.shares(10)] == [5]
    rates.undo(MINUTE, "a", 600)
    assert [share.tries for share in rates.shares(10)] == [-1]


def test_a_flood_of_subjects_forgets_the_least_recent_only() -> None:
    rates = Rates(subjects_max=10)
    for number in range(100):
        assert tries(rates, 10, 600, "kept") == (10 if number == 0 else 0)
        tries(rates, 1, 600, str(number))
    assert len(rates._counts[MINUTE]) == 10


def test_what_another_process_counted_counts_here() -> None:
    one, other = Rates(), Rates()
    assert tries(one, 10, 600) == 10
    [share] = one.shares(100)
    assert share.tries == 10
    assert tries(other, 1, 600) == 1
    [own] = other.shares(100)
    other.learn(own, 11)
    assert tries(other, 5, 601) == 0
    assert one.shares(100) == []


def test_a_subject_in_a_hurry_is_shared_at_once() -> None:
    rates = Rates()
    tries(rates, 2, 600)
    seen = [rates.hurry]
    tries(rates, 1, 600)
    seen.append(rates.hurry)
    rates.shares(100)
    assert [*seen, rates.hurry] == [False, True, False]


def test_a_share_that_was_lost_is_due_again() -> None:
    rates = Rates()
    tries(rates, 5, 600)
    [share] = rates.shares(100)
    rates.mark_due(share)
    assert rates.shares(100) == [share]
