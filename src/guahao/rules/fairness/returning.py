"""What becomes of a place that comes back: free at once, held for a draw, or for the counter.

A place is worth a swap only where the buyer could not simply book: where the session was full, or
is given out by draws. Such a place is held, whatever brought it back (cancelled, declined, raised
capacity, a stop undone, a session published late, a move).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY

ANNOUNCED = timedelta(minutes=30)  # at least, between a place's return and its draw
_HOURS = range(8, 21, 2)
_HOURS_OF_LAST_DAY = range(8, 15)


class ReleaseMode(StrEnum):
    """How a department, title or hospital gives out places."""

    FIRST_COME = "first_come"
    DRAW = "draw"


class Fate(StrEnum):
    """Where a returned place goes."""

    FREE = "free"
    HELD = "held"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Return:
    """A returned place's fate; `draw_at` where it is held."""

    fate: Fate
    draw_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReturnFacts:
    """A place that comes back. `was_full`: the session had no free place just before."""

    visit_date: date
    mode: ReleaseMode
    was_full: bool


def draw_hours(day: date, visit_date: date) -> range:
    """Return the hours of a day at which returned places of a visit date are drawn."""
    if day >= visit_date:
        return range(0)
    return _HOURS_OF_LAST_DAY if day == visit_date - ONE_DAY else _HOURS


def next_draw(visit_date: date, now: datetime) -> datetime | None:
    """Return the first draw that a place returned at `now` can wait for, or None after the last."""
    local = now.astimezone(CITY_TIME)
    earliest = local + ANNOUNCED
    day = local.date()
    while day < visit_date:
        for hour in draw_hours(day, visit_date):
            moment = datetime.combine(day, time(hour), CITY_TIME)
            if moment >= earliest:
                return moment
        day += ONE_DAY
    return None


def returned(facts: ReturnFacts, now: datetime) -> Return:
    """Decide where a place goes that comes back at `now`."""
    if facts.mode is ReleaseMode.FIRST_COME and not facts.was_full:
        return Return(Fate.FREE)
    draw_at = next_draw(facts.visit_date, now)
    return Return(Fate.COUNTER) if draw_at is None else Return(Fate.HELD, draw_at)
