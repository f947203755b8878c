"""Whether a clerk gives out a place of the counter list, or undoes that, each answer in order."""

from __future__ import annotations

from datetime import date

import pytest

from guahao.rules.fairness.counter import (
    CounterFacts,
    CounterPlaceRefusal,
    decide_giving,
    decide_undoing,
)

TODAY = date(2026, 12, 3)
YESTERDAY, TOMORROW = date(2026, 12, 2), date(2026, 12, 4)


@pytest.mark.parametrize(
    ("session", "refused"),
    [
        (None, CounterPlaceRefusal.UNKNOWN),
        (CounterFacts(TOMORROW, is_stopped=True, left=0), CounterPlaceRefusal.NOT_TODAY),
        (CounterFacts(YESTERDAY, is_stopped=True, left=0), CounterPlaceRefusal.NOT_TODAY),
        (CounterFacts(TODAY, is_stopped=True, left=0), CounterPlaceRefusal.STOPPED),
        (CounterFacts(TODAY, is_stopped=False, left=0), CounterPlaceRefusal.NONE_LEFT),
        (CounterFacts(TODAY, is_stopped=False, left=-1), CounterPlaceRefusal.NONE_LEFT),
        (CounterFacts(TODAY, is_stopped=False, left=1), None),
    ],
)
def test_a_place_is_given_on_the_visit_day_while_any_is_left(
    session: CounterFacts | None, refused: CounterPlaceRefusal | None
) -> None:
    assert decide_giving(session, TODAY) is refused


@pytest.mark.parametrize(
    ("session", "is_undone", "refused"),
    [
        (None, True, CounterPlaceRefusal.UNKNOWN),
        (CounterFacts(YESTERDAY, is_stopped=False, left=1), True, CounterPlaceRefusal.NOT_TODAY),
        (CounterFacts(TOMORROW, is_stopped=False, left=1), True, CounterPlaceRefusal.NOT_TODAY),
        (CounterFacts(TODAY, is_stopped=False, left=1), True, CounterPlaceRefusal.UNDONE),
        # A stop, or a list that is used up, hinders nobody from taking a place back.
        (CounterFacts(TODAY, is_stopped=True, left=0), False, None),
    ],
)
def test_a_place_is_taken_back_on_the_visit_day_and_once(
    session: CounterFacts | None, is_undone: bool, refused: CounterPlaceRefusal | None
) -> None:
    assert decide_undoing(session, TODAY, is_undone=is_undone) is refused
