"""The numbers of fair release, as RULES.md names them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from guahao.rules.fairness import (
    allocating,
    applying,
    declining,
    drawing,
    modes,
    proposing,
    returning,
    witnessing,
)
from guahao.rules.fairness.allocating import (
    DrawEntry,
    may_win,
    places_needed,
    with_long_waits_first,
)


def test_the_numbers_of_a_draw() -> None:
    assert (allocating.LONG_WAIT_LOSSES, allocating.LONG_WAIT_PERCENT) == (5, 20)
    assert drawing.TICKET_BYTES == 16
    assert witnessing.CHAIN_MAX == 1_000_000
    assert timedelta(minutes=30) == returning.ANNOUNCED
    assert timedelta(days=3) == returning.APPLICATIONS_OPEN
    assert timedelta(minutes=10) == returning.APPLICATIONS_CLOSE_BEFORE
    assert timedelta(minutes=5) == returning.AMENDED_UNTIL
    assert timedelta(hours=24) == declining.DECLINE_WITHIN
    assert (timedelta(minutes=30), 4) == (witnessing.WAIT, witnessing.ATTEMPTS)


def test_the_numbers_of_an_application() -> None:
    assert applying.PATIENTS_MOST == 2
    assert applying.RANKED_MOST == 20
    assert applying.APPLIED_A_DAY == 20
    assert timedelta(days=14) == applying.AHEAD
    assert timedelta(days=90) == applying.DECLINED_WITHIN
    assert (applying.NOTICE_HOURS, applying.NOTICE_HOURS_MOST) == (24, 168)
    assert applying.ISO_WEEKDAYS == (1, 2, 3, 4, 5, 6, 7)


def test_the_numbers_of_a_release_mode() -> None:
    assert modes.REFERRAL_PERCENT_MAX == 50
    assert timedelta(days=730) == modes.AHEAD_MAX
    assert timedelta(minutes=5) == proposing.FAST
    assert (proposing.RELEASES, proposing.FAST_NEEDED) == (20, 10)


def test_an_entry_is_one_that_has_lost_nothing_and_may_not_be_split() -> None:
    entry = DrawEntry(b"t" * 16, 2, (1, 2))
    assert (entry.may_split, entry.lost) == (False, 0)


def test_an_entry_may_win_where_a_choice_has_the_places_that_it_needs() -> None:
    both, either = DrawEntry(b"t" * 16, 2, (1, 2)), DrawEntry(b"t" * 16, 2, (1, 2), may_split=True)
    assert (places_needed(both), places_needed(either)) == (2, 1)
    assert not may_win(both, {1: 1, 2: 1})
    assert may_win(both, {1: 1, 2: 2})
    assert may_win(either, {2: 1})
    assert not may_win(either, {1: 0, 3: 5})


@pytest.mark.parametrize(
    ("places", "percent", "order"),
    [(9, 11, [0, 1]), (10, 10, [1, 0]), (99, 1, [0, 1]), (100, 1, [1, 0]), (100, 0, [0, 1])],
)
def test_the_share_of_long_waits_is_rounded_down_to_whole_places(
    places: int, percent: int, order: list[int]
) -> None:
    entries = [DrawEntry(b"a" * 16, 1, (1,)), DrawEntry(b"b" * 16, 1, (1,), lost=5)]
    assert with_long_waits_first(entries, [0, 1], places, percent) == order
