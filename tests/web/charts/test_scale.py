"""Axes and the places of labels."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.web.charts import scale


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0, [0, 1]),
        (0, 1, [0, 1]),
        (0, 3, [0, 1, 2, 3]),
        (0, 7, [0, 2, 4, 6, 8]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0, 101, [0, 25, 50, 75, 100, 125]),
        (0, 1234, [0, 250, 500, 750, 1000, 1250]),
        (93, 97, [93, 94, 95, 96, 97]),
        (-3, 4, [-4, -2, 0, 2, 4]),
    ],
)
def test_ticks_are_round_and_cover_the_range(low: int, high: int, expected: list[int]) -> None:
    assert scale.ticks(low, high) == expected


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(3, 8))
def test_ticks_hold_for_every_range(one: int, other: int, most: int) -> None:
    low, high = sorted((one, other))
    marks = scale.ticks(low, high, most=most)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= most + 1
    steps = {round(after - before, 6) for before, after in itertools.pairwise(marks)}
    assert len(steps) == 1
    assert steps.pop() >= 1


def test_shares_have_ticks_below_one() -> None:
    assert scale.ticks(0, 0.4, whole=False) == [0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (0, 1)),
        ([5], (0, 5)),
        ([5, 5], (0, 5)),
        ([1, 10], (0, 10)),
        ([95, 100], (95, 100)),
        ([-2, 3], (-2, 3)),
    ],
)
def test_lines_begin_at_zero_unless_their_differences_would_vanish(
    values: list[float], expected: tuple[float, float]
) -> None:
    assert scale.line_range(values) == expected


def test_chinese_letters_are_wide() -> None:
    assert scale.text_width("预约", 10) == 20
    assert scale.text_width("ab", 10) == pytest.approx(11.2)


def test_long_names_end_in_an_ellipsis() -> None:
    assert scale.shortened("内科", 10, 30) == "内科"
    assert scale.shortened("消化内科 · 安澜医院", 10, 60) == "消化内科…"


def test_labels_are_left_out_evenly_where_they_do_not_fit() -> None:
    assert scale.labelled(0, 100, 20) == []
    assert scale.labelled(4, 100, 20) == [0, 1, 2, 3]
    assert scale.labelled(30, 100, 20) == [0, 7, 14, 21, 28]
    assert scale.labelled(365, 100, 90) == [0]


@given(st.lists(st.floats(0, 200), max_size=5))
def test_labels_at_the_ends_of_lines_never_overlap(places: list[float]) -> None:
    moved = scale.spread(places, 16, 0, 200)
    ordered = sorted(moved)
    assert all(b - a >= 15.999 for a, b in itertools.pairwise(ordered))
    assert all(-0.001 <= place <= 200.001 for place in moved)


def test_labels_with_room_stay_where_they_are() -> None:
    assert scale.spread([150, 20, 90], 16, 0, 200) == [150, 20, 90]
