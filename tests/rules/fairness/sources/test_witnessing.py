"""Which value of a witness a draw uses: after its closing, and known to nobody before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import moment

from guahao.rules.fairness.witnessing import CHAIN_MAX, Witness, days_left, value_at, value_for

BEGINS = moment("2026-12-01 08:00")
WITNESS = Witness("notary", b"v" * 32, "https://witness.example.cn/", BEGINS, 5)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("clock", "index"),
    [
        ("07:59:59.999999", 0),
        ("08:00", 1),
        ("08:04:59.999999", 1),
        ("08:05", 2),
        ("09:00", 13),
    ],
)
def test_a_witness_shows_a_value_every_five_minutes(clock: str, index: int) -> None:
    at = moment(f"2026-12-01 {clock}")
    assert WITNESS.newest_at(at) == index
    if index:
        assert WITNESS.shown_at(index) <= at < WITNESS.shown_at(index + 1)


@pytest.mark.parametrize(
    ("closes", "draws", "index"),
    [
        ("08:50", "09:00", 13),
        ("08:59:59", "09:00", 13),
        ("08:54:59", "08:59", 12),
        # The newest value was shown already when the entries closed.
        ("08:55", "08:59", None),
        ("09:00", "09:00", None),
        # The witness has not begun.
        ("07:00", "07:59", None),
        ("07:00", "08:00", 1),
    ],
)
def test_a_draw_uses_the_last_value_that_is_shown_after_its_closing(
    closes: str, draws: str, index: int | None
) -> None:
    closes_at, draw_at = moment(f"2026-12-01 {closes}"), moment(f"2026-12-01 {draws}")
    assert value_for(WITNESS, closes_at, draw_at) == index


def test_a_witness_whose_chain_has_ended_is_not_announced() -> None:
    """Nobody could show its next value, and no verifier would compute so many hashes."""
    end = WITNESS.shown_at(CHAIN_MAX)
    assert value_for(WITNESS, end - HALF_AN_HOUR, end) == CHAIN_MAX
    assert value_for(WITNESS, end, end + HALF_AN_HOUR) is None


def test_a_draw_waits_for_no_value_after_the_last_of_a_chain() -> None:
    short = replace(WITNESS, values=13)  # the last one at 09:00
    nine = moment("2026-12-01 09:00")
    assert value_for(short, nine - HALF_AN_HOUR, nine) == 13
    assert value_for(short, nine, nine + HALF_AN_HOUR) is None
    # Closed late, when the last value could be known.
    assert value_at(short, 13, nine, nine, nine) is None
    assert value_at(WITNESS, 13, nine, nine, nine) == 14


def test_days_are_counted_until_the_time_of_the_value_after_the_last() -> None:
    day = replace(WITNESS, values=288)
    end = BEGINS + timedelta(days=1)
    assert days_left([], BEGINS) == {}
    assert days_left([day], BEGINS) == {"notary": 1}
    assert days_left([day], BEGINS + MOMENT) == {"notary": 0}
    assert days_left([day], end + timedelta(days=9)) == {"notary": 0}
    assert days_left([replace(day, begins=end)], BEGINS) == {"notary": 2}


def test_of_the_chains_of_one_keeper_the_longest_counts() -> None:
    day, month = replace(WITNESS, values=288), replace(WITNESS, values=30 * 288)
    paper, untold = replace(day, name="paper"), WITNESS
    assert days_left([day, month, paper], BEGINS) == {"notary": 30, "paper": 1}
    assert days_left([month, day], BEGINS) == {"notary": 30}
    assert days_left([untold, paper], BEGINS) == {"notary": None, "paper": 1}


HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("waited", "index"),
    [
        (-HALF_AN_HOUR, 13),
        (timedelta(0), 13),
        (HALF_AN_HOUR - MOMENT, 13),
        (HALF_AN_HOUR, 19),
        (2 * HALF_AN_HOUR, 25),
        (4 * HALF_AN_HOUR - MOMENT, 31),
        (4 * HALF_AN_HOUR, None),
        (timedelta(days=1), None),
    ],
)
def test_a_draw_waits_half_an_hour_for_a_value_and_for_four_values(
    waited: timedelta, index: int | None
) -> None:
    draw_at = moment("2026-12-01 09:00")
    closed_at = moment("2026-12-01 08:50")
    assert value_at(WITNESS, 13, closed_at, draw_at, draw_at + waited) == index


def test_a_value_that_was_announced_is_never_replaced_by_an_earlier_one() -> None:
    draw_at = moment("2026-12-01 09:00")
    closed_at = moment("2026-12-01 08:50")
    assert value_at(WITNESS, 20, closed_at, draw_at, draw_at + HALF_AN_HOUR) == 20


@pytest.mark.parametrize(
    ("closed", "index"),
    [
        ("08:59:59.999999", 13),
        # Value 13 was shown when the entries were closed: whoever closed them could know it.
        ("09:00", 14),
        ("09:04:59", 14),
        ("09:05", 15),
        # Two hours are counted from then on.
        ("12:00", 50),
    ],
)
def test_a_draw_that_was_closed_late_uses_a_value_that_nobody_knew(closed: str, index: int) -> None:
    draw_at, closed_at = moment("2026-12-01 09:00"), moment(f"2026-12-01 {closed}")
    assert value_at(WITNESS, 13, closed_at, draw_at, max(closed_at, draw_at)) == index
