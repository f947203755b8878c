"""Tries in sliding windows, and what processes learn of each other's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.kernel.rates import SUBJECTS_MAX, Limit, Rates

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
    assert len(rates._counts[MINUTE.name]) == 10


def test_a_new_subject_is_remembered_in_place_of_the_least_recent() -> None:
    rates = Rates(subjects_max=2)
    for subject in "abc":
        assert tries(rates, 10, 600, subject) == 10
    assert [tries(rates, 1, 600, subject) for subject in "bca"] == [0, 0, 1]


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


@pytest.mark.parametrize(
    ("limit", "first", "now", "wait"),
    [
        # This window is full: the next one makes room as its weight falls.
        (MINUTE, 605, 605, 61),
        (MINUTE, 605, 605.5, 61),
        (Limit("tries", 10, 1), 600, 600.5, 1),
        (Limit("tries", 1, 60), 600, 600, 120),
        # The previous window was.
        (MINUTE, 605, 660, 6),
        (MINUTE, 605, 662, 4),
        (MINUTE, 605, 665.9, 1),
        (MINUTE, 605, 666, None),
    ],
)
def test_the_wait_is_the_whole_seconds_until_there_is_room(
    limit: Limit, first: float, now: float, wait: int | None
) -> None:
    rates = Rates()
    for _ in range(limit.most):
        assert rates.attempt(limit, "a", first) is None
    assert rates.attempt(limit, "a", now) == wait


def test_of_several_limits_the_longest_wait_is_returned() -> None:
    rates, hour = Rates(), Limit("hourly", 1, 3600)
    both = ((MINUTE, "a"), (hour, "a"))
    assert rates.attempt_all(both, 3600) is None
    assert rates.attempt_all(both, 3600) == rates.attempt(hour, "a", 3600) == 7200


def test_an_attempt_is_undone_once() -> None:
    rates = Rates()
    assert tries(rates, 1, 600) == 1
    rates.undo(MINUTE, "a", 600)
    rates.undo(MINUTE, "a", 600)
    assert tries(rates, 15, 600) == 10
    for _ in range(12):
        rates.undo(MINUTE, "a", 600)
    assert tries(rates, 15, 660) == 10


def test_an_attempt_of_the_previous_window_is_undone_once() -> None:
    rates = Rates()
    assert tries(rates, 1, 659) == 1
    assert tries(rates, 1, 660) == 1
    rates.undo(MINUTE, "a", 659)
    rates.undo(MINUTE, "a", 659)
    assert tries(rates, 15, 660) == 9


def test_an_attempt_of_an_older_window_is_not_undone_any_more() -> None:
    rates = Rates()
    assert tries(rates, 5, 600) == 5
    assert tries(rates, 10, 720) == 10
    rates.undo(MINUTE, "a", 600)
    assert tries(rates, 5, 720) == 0


@pytest.mark.parametrize(
    ("most", "attempts", "shared"),
    [(40, 1, False), (40, 2, True), (41, 2, False), (41, 3, True)],
)
def test_a_subject_is_shared_from_a_twentieth_of_its_limit(
    most: int, attempts: int, shared: bool
) -> None:
    rates, limit = Rates(), Limit("many", most, 60)
    for _ in range(attempts):
        rates.attempt(limit, "a", 600)
    assert [share.tries for share in rates.shares(10)] == ([attempts] if shared else [])


@pytest.mark.parametrize(("attempts", "shared"), [(2, False), (3, True), (4, True)])
def test_a_small_limit_is_shared_from_the_attempt_that_it_names(
    attempts: int, shared: bool
) -> None:
    rates, limit = Rates(), Limit("few", 10, 60, shared_from=3)
    for _ in range(attempts):
        rates.attempt(limit, "a", 600)
    assert [share.tries for share in rates.shares(10)] == ([attempts] if shared else [])


@pytest.mark.parametrize(
    ("most", "attempts", "hurries"), [(40, 9, False), (40, 10, True), (41, 10, False)]
)
def test_a_subject_that_spends_a_quarter_of_its_limit_is_in_a_hurry(
    most: int, attempts: int, hurries: bool
) -> None:
    rates, limit = Rates(), Limit("many", most, 60)
    assert not rates.hurry
    for _ in range(attempts):
        rates.attempt(limit, "a", 600)
    assert rates.hurry is hurries


def test_what_was_shared_is_not_shared_again() -> None:
    rates = Rates()
    tries(rates, 5, 600)
    assert [share.tries for share in rates.shares(10)] == [5]
    assert rates.shares(10) == []
    tries(rates, 1, 600)
    assert [share.tries for share in rates.shares(10)] == [1]
    tries(rates, 2, 600)
    tries(rates, 3, 690)  # what was not shared in its window is too late
    assert [(share.window, share.tries) for share in rates.shares(10)] == [(11, 3)]


def test_those_due_longest_are_shared_first() -> None:
    rates = Rates()
    for subject in "abc":
        tries(rates, 1, 600, subject)
    assert [share.subject for share in rates.shares(2)] == ["a", "b"]
    assert [share.subject for share in rates.shares(2)] == ["c"]


def test_an_attempt_that_was_undone_before_it_was_due_takes_no_turn() -> None:
    rates, limit = Rates(), Limit("many", 1000, 60)
    rates.attempt(limit, "a", 600)
    rates.undo(limit, "a", 600)
    for _ in range(50):
        rates.attempt(limit, "b", 600)
    assert [share.subject for share in rates.shares(1)] == ["b"]


def test_what_all_processes_counted_is_known_beside_what_is_not_shared_yet() -> None:
    rates = Rates()
    tries(rates, 2, 600)
    [share] = rates.shares(10)
    tries(rates, 1, 600)
    rates.learn(share, 5)
    assert tries(rates, 15, 600) == 4
    # A total that is older than what is known here changes nothing.
    rates.learn(share, 1)
    assert tries(rates, 15, 600) == 0


def test_what_all_processes_counted_in_the_previous_window_fades_with_it() -> None:
    rates = Rates()
    tries(rates, 2, 600)
    [share] = rates.shares(10)
    assert tries(rates, 1, 690) == 1
    rates.learn(share, 10)
    assert tries(rates, 15, 690) == 4
    rates.learn(share, 2)
    assert tries(rates, 15, 690) == 0


def test_what_was_counted_before_the_previous_window_is_forgotten() -> None:
    rates = Rates()
    tries(rates, 2, 600)
    [share] = rates.shares(10)
    assert tries(rates, 1, 720) == 1
    rates.learn(share, 10)
    assert tries(rates, 15, 720) == 9


def test_a_lost_share_of_a_window_that_is_over_or_of_a_forgotten_subject_is_not_due() -> None:
    rates = Rates(subjects_max=1)
    tries(rates, 5, 600)
    [share] = rates.shares(10)
    tries(rates, 1, 660)
    rates.shares(10)
    rates.mark_due(share)
    assert rates.shares(10) == []
    tries(rates, 1, 660, "b")
    rates.shares(10)
    rates.mark_due(share)
    rates.learn(share, 10)
    assert rates.shares(10) == []
    Rates().mark_due(share)
    Rates().learn(share, 10)


def test_the_subjects_of_a_limit_have_bounds() -> None:
    assert SUBJECTS_MAX == 100_000
