"""Each entry gets the best that is left and allowed; nobody gains by another ranking."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.fairness.allocating import (
    LONG_WAIT_LOSSES,
    Check,
    DrawEntry,
    Result,
    Skipped,
    Won,
    allocate,
    with_long_waits_first,
)


def entry(*choices: int, size: int = 1, may_split: bool = False, lost: int = 0) -> DrawEntry:
    return DrawEntry(b"t" * 16, size, choices, may_split, lost)


def allowed(*_: int) -> str | None:
    return None


def given_out(
    entries: Sequence[DrawEntry], places: dict[int, int], check: Check = allowed
) -> list[Result]:
    results = allocate(entries, range(len(entries)), places, check)
    return [results[index] for index in range(len(entries))]


@pytest.mark.parametrize(
    ("entries", "places", "expected"),
    [
        ([entry(1)], {1: 1}, [Won(1, 1, (0,))]),
        ([entry(1), entry(1)], {1: 1}, [Won(1, 1, (0,)), Skipped(2, ("full",))]),
        ([entry(1), entry(1, 2)], {1: 1, 2: 1}, [Won(1, 1, (0,)), Won(2, 2, (0,), ("full",))]),
        ([entry(2)], {1: 1}, [Skipped(1, ("full",))]),
        # Two together are one position: both, or nothing.
        ([entry(1, size=2)], {1: 2}, [Won(1, 1, (0, 1))]),
        ([entry(1, size=2), entry(1)], {1: 1}, [Skipped(1, ("full",)), Won(2, 1, (0,))]),
        # Or, where they said so, one of them.
        ([entry(1, size=2, may_split=True)], {1: 1}, [Won(1, 1, (0,))]),
        ([entry(1, size=2, may_split=True)], {1: 2}, [Won(1, 1, (0, 1))]),
        ([entry(1, size=2, may_split=True)], {1: 0}, [Skipped(1, ("full",))]),
    ],
)
def test_places_go_in_the_order_of_the_draw(
    entries: list[DrawEntry], places: dict[int, int], expected: list[Result]
) -> None:
    assert given_out(entries, places) == expected


def test_who_may_not_have_a_place_is_skipped_with_the_reason_and_takes_none() -> None:
    def check(*asked: int) -> str | None:
        return "day_limit" if asked == (0, 0, 1) else None

    results = given_out([entry(1, 2), entry(1)], {1: 1, 2: 1}, check)
    assert results == [Won(1, 2, (0,), ("day_limit",)), Won(2, 1, (0,))]


@pytest.mark.parametrize(
    ("may_split", "expected"),
    [(False, Skipped(1, ("patient_suspended",))), (True, Won(1, 1, (1,)))],
)
def test_of_two_one_may_be_refused(may_split: bool, expected: Result) -> None:
    def check(*asked: int) -> str | None:
        return "patient_suspended" if asked == (0, 0, 1) else None

    assert given_out([entry(1, size=2, may_split=may_split)], {1: 2}, check) == [expected]


def test_a_full_session_is_not_asked_about() -> None:
    """The rules are the slow part, and say nothing where there is no place."""

    def check(*_: int) -> str | None:
        raise AssertionError("asked")

    assert given_out([entry(1)], {1: 0}, check) == [Skipped(1, ("full",))]


ENTRIES = st.lists(
    st.builds(
        lambda choices, size, split: entry(*choices, size=size, may_split=split and size > 1),
        st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True),
        st.sampled_from([1, 2]),
        st.booleans(),
    ),
    max_size=12,
)
PLACES = st.fixed_dictionaries({number: st.integers(0, 4) for number in range(1, 5)})


@given(ENTRIES, PLACES)
def test_no_place_is_given_twice_and_none_is_left_that_somebody_wanted(
    entries: list[DrawEntry], places: dict[int, int]
) -> None:
    results = given_out(entries, places)
    for session, had in places.items():
        won = [r for r in results if isinstance(r, Won) and r.session == session]
        taken = sum(len(result.patients) for result in won)
        assert taken <= had
        needed = [
            1 if e.may_split else e.size
            for e, r in zip(entries, results, strict=True)
            if isinstance(r, Skipped) and session in e.choices
        ]
        assert all(had - taken < n for n in needed)


@given(ENTRIES, PLACES, st.data())
def test_telling_the_truth_is_best(
    entries: list[DrawEntry], places: dict[int, int], data: st.DataObject
) -> None:
    """Whatever else one entry ranks, it gets nothing that it likes better."""
    if not entries:
        return
    index = data.draw(st.integers(0, len(entries) - 1))
    honest = entries[index]
    said = data.draw(st.permutations(honest.choices))
    lie = entry(*said, size=honest.size, may_split=honest.may_split)
    lied = [*entries[:index], lie, *entries[index + 1 :]]

    def rank(result: Result) -> int:
        if isinstance(result, Skipped):
            return len(honest.choices)
        return honest.choices.index(result.session)

    if not honest.may_split:
        assert rank(given_out(entries, places)[index]) <= rank(given_out(lied, places)[index])


@pytest.mark.parametrize(
    ("lost", "places", "percent", "expected"),
    [
        ([0, 0, 5, 0], 10, 20, [2, 0, 1, 3]),
        ([0, 0, 4, 0], 10, 20, [0, 1, 2, 3]),  # four lost draws are not yet enough
        ([0, 6, 5, 7], 10, 20, [1, 2, 0, 3]),  # for a fifth of ten places, in their own order
        ([0, 6, 5, 7], 4, 20, [0, 1, 2, 3]),  # a fifth of four places is none
        ([0, 0, 5, 0], 10, 0, [0, 1, 2, 3]),  # switched off
    ],
)
def test_long_waits_come_first_for_a_fifth_of_the_places(
    lost: list[int], places: int, percent: int, expected: list[int]
) -> None:
    entries = [entry(1, lost=times) for times in lost]
    assert with_long_waits_first(entries, range(len(lost)), places, percent) == expected


def test_two_together_count_twice_among_the_long_waits() -> None:
    entries = [entry(1), entry(1, size=2, lost=LONG_WAIT_LOSSES)]
    assert with_long_waits_first(entries, [0, 1], 5, 20) == [0, 1]
    assert with_long_waits_first(entries, [0, 1], 10, 20) == [1, 0]
