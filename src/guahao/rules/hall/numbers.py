"""Queue numbers of a clinic session and the time range of each (docs/decisions/0057)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time

NUMBER_MAX = 9999
_ROUNDED_TO = 10  # minutes
_HOUR = 60
# Where a session has no hours of its own.
_PERIOD_HOURS = {
    "morning": (time(8, 0), time(12, 0)),
    "afternoon": (time(13, 0), time(17, 0)),
    "evening": (time(17, 30), time(20, 30)),
}


@dataclass(frozen=True, slots=True)
class SessionHours:
    """When a session sees patients, and how many places it offers."""

    period: str
    starts_at: time | None
    ends_at: time | None
    capacity: int

    @property
    def minutes(self) -> tuple[int, int]:
        """Return start and end in minutes after midnight; the period's where they are unknown."""
        starts, ends = (_minutes(at) for at in _PERIOD_HOURS[self.period])
        if self.starts_at is not None:
            starts = _minutes(self.starts_at)
        if self.ends_at is not None:
            ends = _minutes(self.ends_at)
        elif ends <= starts:  # it starts after its period usually ends
            ends = min(starts + _HOUR, 24 * _HOUR - 1)
        return min(starts, ends), ends


def new_numbers(bookings: Sequence[int], given: Mapping[int, int]) -> dict[int, int]:
    """Return numbers for the bookings that have none, in the order of booking.

    `bookings`: the ids of all that count, of which a greater one was made later. `given`: the
    numbers that the session gave out before, by booking; none of them is given again.
    """
    last = max(given.values(), default=0)
    without = [id for id in sorted(bookings) if id not in given]
    return {id: last + place for place, id in enumerate(without, start=1)}


def time_range(number: int, hours: SessionHours) -> tuple[time, time]:
    """Return when to come: an equal part of the session's hours, rounded outwards to ten minutes.

    A number beyond the capacity comes with the last.
    """
    starts, ends = hours.minutes
    places = max(hours.capacity, 1)
    place = min(number, places)
    since = starts + (place - 1) * (ends - starts) // places
    until = starts - (-place * (ends - starts) // places)
    since = max(starts, since - since % _ROUNDED_TO)
    until = min(ends, until + -until % _ROUNDED_TO)
    return _time(since), _time(until)


def _minutes(at: time) -> int:
    return at.hour * _HOUR + at.minute


def _time(minutes: int) -> time:
    return time(*divmod(minutes, _HOUR))
