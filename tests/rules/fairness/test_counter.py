"""Whether a clerk gives out a place of the counter list, or undoes that, each answer in order."""

from __future__ import annotations

from datetime import date

import pytest

from guahao.rules.fairness.counter import (
    CounterFacts,
    CounterRefusal,
    decide_giving,
    decide_undoing,
)

TODAY = date(2026, 12, 3)
YESTERDAY, TOMORROW = date(2026, 12, 2), date(2026, 12, 4)


@pytest.mark.parametrize(
    ("session", "refused"),
    [
        (None, CounterRefusal.UNKNOWN),
        (CounterFacts(TOMORROW, is_stopped=True, left=0), CounterRefusal.NOT_TODAY),
        (CounterFacts(YESTERDAY, is_stopped=True, left=0), CounterRefusal.NOT_TODAY),
        (CounterFacts(TODAY, is_stopped=True, left=0), CounterRefusal.STOPPED),
        (CounterFacts(TODAY, is_stopped=False, left=0), CounterRefusal.NONE_LEFT),
        (CounterFacts(TODAY, is_stopped=False, left=-1), CounterRefusal.NONE_LEFT),
        (CounterFacts(TODAY, is_stopped=False, left=1), None),
    ],
)
def test_a_place_is_given_on_the_visit_day_while_any_is_left(
    session: CounterFacts | None, refused: CounterRefusal | None
) -> None:
    assert decide_giving(session, TODAY) is refused


@pytest.mark.parametrize(
    ("session", "is_undone", "refused"),
    [
        (None, True, CounterRefusal.UNKNOWN),
        (CounterFacts(YESTERDAY, is_stopped=False, left=1), True, CounterRefusal.NOT_TODAY),
        (CounterFacts(TOMORROW, is_stopped=False, left=1), True, CounterRefusal.NOT_TODAY),
        (CounterFacts(TODAY, is_stopped=False, left=1), True, CounterRefusal.UNDONE),
        # A stop, or a list that is used up, hinders nobody from taking a place back.
        (CounterFacts(TODAY, is_stopped=True, left=0), False, None),
    ],
)
def test_a_place_is_taken_back_on_the_visit_day_and_once(
    session: CounterFacts | None, is_undone: bool, refused: CounterRefusal | None
) -> None:
    assert decide_undoing(session, TODAY, is_undone=is_undone) is refused
