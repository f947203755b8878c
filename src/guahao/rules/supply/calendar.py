"""Which weekday's timetables hold on a date: holidays and swapped working days (调休).

The hospital's own correction comes before the city's, which comes before the national calendar;
where none says anything, or none knows the year, the date follows its own weekday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.planning import WEEKDAYS

REASON_MAX = 60
# Corrections that lie further ahead are slips of the keyboard; the past stays as it was.
CORRECTED_DAYS = 800


class CalendarSource(StrEnum):
    """Who says what a date is."""

    WEEKDAY = "weekday"
    NATIONAL = "national"
    CITY = "city"
    HOSPITAL = "hospital"


class CalendarRefusal(StrEnum):
    """Why a date is not corrected, or its correction not withdrawn, in order of precedence."""

    DATE = "calendar_date"
    WEEKDAY = "calendar_weekday"
    REASON = "calendar_reason"
    NOT_CORRECTED = "calendar_not_corrected"


@dataclass(frozen=True, slots=True)
class DayRule:
    """What a calendar says about a date. `like`: the weekday it follows; None: it is off."""

    like: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A date as a hospital's timetables see it. `like` None: it is off."""

    day: date
    like: int | None
    source: CalendarSource
    reason: str = ""

    @property
    def is_off(self) -> bool:
        """Return whether only timetables that also hold on holidays have sessions."""
        return self.like is None

    @property
    def weekday(self) -> int:
        """Return the weekday whose timetables may hold (1 is Monday)."""
        return self.day.isoweekday() if self.like is None else self.like

    @property
    def is_swapped(self) -> bool:
        """Return whether the date follows another weekday than its own."""
        return self.like is not None and self.like != self.day.isoweekday()

    @property
    def is_special(self) -> bool:
        """Return whether the date is off or swapped."""
        return self.is_off or self.is_swapped


def decide_day(
    day: date, national: DayRule | None, city: DayRule | None, hospital: DayRule | None
) -> CalendarDay:
    """Decide what a date is, by the nearest calendar that says something about it."""
    for source, rule in (
        (CalendarSource.HOSPITAL, hospital),
        (CalendarSource.CITY, city),
        (CalendarSource.NATIONAL, national),
    ):
        if rule is not None:
            return CalendarDay(day, rule.like, source, rule.reason)
    return CalendarDay(day, day.isoweekday(), CalendarSource.WEEKDAY)


def is_held(day: CalendarDay, iso_weekday: int, *, on_holidays: bool) -> bool:
    """Return whether a timetable of this weekday has a session on the date."""
    return iso_weekday == day.weekday and (on_holidays or not day.is_off)


def met_days(
    days: Iterable[CalendarDay], spans: Mapping[int, tuple[date, date]]
) -> list[CalendarDay]:
    """Return the days off and swapped days that weekly timetables meet.

    `spans`: from when until when there are timetables of a weekday. They meet a swapped day by its
    own weekday, whose session they do not have, and by the one that it follows.
    """

    def meets(day: CalendarDay, weekday: int) -> bool:
        span = spans.get(weekday)
        return span is not None and span[0] <= day.day <= span[1]

    return [
        day
        for day in days
        if day.is_special and (meets(day, day.day.isoweekday()) or meets(day, day.weekday))
    ]


def refused_correction(
    day: date, like: int | None, reason: str, today: date
) -> CalendarRefusal | None:
    """Return why a date is not corrected: only tomorrow and later, as new sessions are (S4)."""
    if not today < day <= today + timedelta(days=CORRECTED_DAYS):
        return CalendarRefusal.DATE
    if like is not None and like not in WEEKDAYS:
        return CalendarRefusal.WEEKDAY
    return None if 0 < len(reason) <= REASON_MAX else CalendarRefusal.REASON


def days_between(first: date, last: date) -> list[date]:
    """Return the dates from `first` to `last`, both included."""
    return [first + n * ONE_DAY for n in range((last - first).days + 1)]


def calendar_between(
    first: date,
    last: date,
    national: Mapping[date, DayRule],
    city: Mapping[date, DayRule],
    hospital: Mapping[date, DayRule],
) -> list[CalendarDay]:
    """Return what each date is, `first` to `last`, both included."""
    return [
        decide_day(day, national.get(day), city.get(day), hospital.get(day))
        for day in days_between(first, last)
    ]
