"""Whether a clerk may give out a place of the counter list, or undo that (FAIRNESS)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class CounterPlaceRefusal(StrEnum):
    """Why no place is given, or none comes back, in order of precedence."""

    UNKNOWN = "counter_unknown"
    NOT_TODAY = "counter_not_today"
    STOPPED = "counter_stopped"
    NONE_LEFT = "counter_none_left"
    UNDONE = "counter_undone"


@dataclass(frozen=True, slots=True)
class CounterFacts:
    """A session of the hospital's own. `left`: places of its counter list not given yet."""

    visit_date: date
    is_stopped: bool
    left: int


def decide_giving(session: CounterFacts | None, today: date) -> CounterPlaceRefusal | None:
    """Refuse to give a place. Tomorrow's list is not complete before the last draw of today."""
    if session is None:
        return CounterPlaceRefusal.UNKNOWN
    if session.visit_date != today:
        return CounterPlaceRefusal.NOT_TODAY
    if session.is_stopped:
        return CounterPlaceRefusal.STOPPED
    return None if session.left > 0 else CounterPlaceRefusal.NONE_LEFT


def decide_undoing(
    session: CounterFacts | None, today: date, *, is_undone: bool
) -> CounterPlaceRefusal | None:
    """Refuse to take back that a place was given: on another day, or a second time."""
    if session is None:
        return CounterPlaceRefusal.UNKNOWN
    if session.visit_date != today:
        return CounterPlaceRefusal.NOT_TODAY
    return CounterPlaceRefusal.UNDONE if is_undone else None
