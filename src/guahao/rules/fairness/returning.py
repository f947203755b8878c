"""What becomes of a place that comes back: free at once, held for a draw, or for the counter.

A place is worth a swap only where the buyer could not simply book: where the session was full, or
is given out by draws. Such a place is held, for every cause of its return (cancelled, declined,
raised capacity, a stop undone, a session published late, a move).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY

ANNOUNCED = timedelta(minutes=30)  # at least, between a place's return and its draw
APPLICATIONS_OPEN = timedelta(days=3)  # before a draw at the release
APPLICATIONS_CLOSE_BEFORE = timedelta(minutes=10)  # before a draw of returned places
AMENDED_UNTIL = timedelta(minutes=5)  # before a draw: the last stop or reduction that it takes in
_RELEASE_CLOSES = time(20, 0)  # on the day before a draw at the release
_HOURS = range(8, 21, 2)
_HOURS_OF_LAST_DAY = range(8, 15)


class ReleaseMode(StrEnum):
    """How a department, title or hospital gives out places."""

    FIRST_COME = "first_come"
    DRAW = "draw"


class DrawKind(StrEnum):
    """Which places a draw gives out: a date's at its release, or those that came back."""

    RELEASE = "release"
    RETURNED = "returned"


class Cause(StrEnum):
    """What brought a place back, or kept it."""

    RELEASE = "release"  # of a session in the mode `draw`, which waits for its release
    CANCELLED = "cancelled"
    DECLINED = "declined"
    CAPACITY_RAISED = "capacity_raised"
    STOP_UNDONE = "stop_undone"
    PUBLISHED_LATE = "published_late"
    MOVED = "moved"
    DISPLACED = "displaced"
    OFFER_LAPSED = "offer_lapsed"
    REFERRAL = "referral"


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
    """A place that comes back.

    `was_full`: the session had no free place just before. `released_at`: when the visit date is
    or was released. `stops_at`: on the day before the visit, the hospital's next-day stop time.
    `draws_returned`: the city's policy.
    """

    visit_date: date
    mode: ReleaseMode
    was_full: bool
    released_at: datetime
    stops_at: time = time(15, 0)
    draws_returned: bool = True


def draw_hours(day: date, visit_date: date) -> range:
    """Return the hours of a day at which returned places of a visit date are drawn."""
    if day >= visit_date:
        return range(0)
    return _HOURS_OF_LAST_DAY if day == visit_date - ONE_DAY else _HOURS


def next_draw(visit_date: date, now: datetime, stops_at: time = time(15, 0)) -> datetime | None:
    """Return the first draw that a place returned at `now` can wait for, or None after the last.

    On the day before the visit only while the date can be booked, which is until `stops_at`.
    """
    local = now.astimezone(CITY_TIME)
    earliest = local + ANNOUNCED
    day = local.date()
    while day < visit_date:
        for hour in draw_hours(day, visit_date):
            moment = datetime.combine(day, time(hour), CITY_TIME)
            if day == visit_date - ONE_DAY and moment.time() >= stops_at:
                return None
            if moment >= earliest:
                return moment
        day += ONE_DAY
    return None


def applications_until(kind: DrawKind, draw_at: datetime) -> datetime:
    """Return when a draw closes: from then on nobody enters it."""
    if kind is DrawKind.RETURNED:
        return draw_at - APPLICATIONS_CLOSE_BEFORE
    day = draw_at.astimezone(CITY_TIME).date() - ONE_DAY
    return datetime.combine(day, _RELEASE_CLOSES, CITY_TIME)


def returned(facts: ReturnFacts, now: datetime) -> Return:
    """Decide where a place goes that comes back, or that a new session brings, at `now`.

    In the mode `draw` all places wait for the draw at the release; what comes too late for its
    applications waits for the first draw after it.
    """
    is_released = now >= facts.released_at
    if facts.mode is ReleaseMode.FIRST_COME:
        if not facts.was_full or not is_released or not facts.draws_returned:
            return Return(Fate.FREE)
    elif now < applications_until(DrawKind.RELEASE, facts.released_at):
        return Return(Fate.HELD, facts.released_at)
    draw_at = next_draw(facts.visit_date, max(now, facts.released_at), facts.stops_at)
    return Return(Fate.COUNTER) if draw_at is None else Return(Fate.HELD, draw_at)
