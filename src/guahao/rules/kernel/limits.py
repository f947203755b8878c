"""The numbers of the rules, named with their units, and the calendar arithmetic they need."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

CITY_TIME = ZoneInfo("Asia/Shanghai")
ONE_DAY = timedelta(days=1)

PATIENTS_PER_PHONE = 2  # S3; the schema has the same number of slots
RENOWNED_SPECIALIST = "知名专家"  # the title as stored in sessions; it never changes
CODE_DIGITS = 8  # S8
CODE_KEPT_DAYS = 30  # after the visit date, until its code may serve another booking


@dataclass(frozen=True, slots=True)
class Policy:
    """The city's own numbers, with their defaults (S4, S12, S14, S16)."""

    horizon_months: int = 3
    per_department_and_day: int = 1
    per_day: int = 2
    per_short_window: int = 3
    short_window_days: int = 7
    per_long_window: int = 5
    long_window_months: int = 3
    first_suspension_no_shows: int = 3
    first_suspension_months: int = 3
    second_suspension_no_shows: int = 6
    second_suspension_months: int = 6
    review_bookings: int = 15  # of an account in review_days; accounts with more are reviewed (S17)
    review_cancellations: int = 15
    review_days: int = 30
    # What unchecked persons may do where a real-name verifier is configured.
    unchecked_live_bookings: int = 1
    unchecked_may_book_experts: bool = False
    cancel_channels: frozenset[str] = frozenset({"agent"})
    quiet_from: time = time(21, 0)
    quiet_until: time = time(7, 30)
    # Fair release (RULES.md, Fair release).
    draw_returned_places: bool = True  # places that come back to a full session are drawn
    live_applications: int = 2  # of a person, over all departments
    declines_before_pause: int = 3  # within 90 days; new applications then pause
    pause_days: int = 30
    long_waits_percent: int = 20  # of a draw's places, for applications that lost five draws
    # Each account books newly open dates from a moment of its own (rules/booking).
    personal_release: bool = False


NEW_CITY = Policy(personal_release=True)  # until it decides on a policy of its own


@dataclass(frozen=True, slots=True)
class HospitalRules:
    """The rules that a hospital sets for itself (S4-S6, S11, S14). Times are the city's clock."""

    cycle_days: int | None = None
    release_time: time = time(0, 0)
    next_day_stop_time: time = time(15, 0)
    cancel_days_before: int = 1
    cancel_time: time = time(15, 0)
    pickup_until_morning: time = time(11, 30)
    pickup_until_afternoon: time = time(16, 30)
    pickup_until_evening: time = time(20, 0)
    checked_only: bool = False  # only persons whose real name was checked may book

    def pickup_until(self, period: str) -> time:
        """Return the pick-up deadline of a period: morning, afternoon or evening (S11)."""
        deadlines = {
            "morning": self.pickup_until_morning,
            "afternoon": self.pickup_until_afternoon,
            "evening": self.pickup_until_evening,
        }
        return deadlines[period]

    def keeping(self, promised: HospitalRules) -> HospitalRules:
        """Return these rules for a booking made under others, with no deadline earlier than then.

        The deadlines to cancel (S14) and to pick up (S11) are each the later of both.
        """
        if promised == self:
            return self
        lenient = min((self, promised), key=HospitalRules._cancel_strictness)
        return replace(
            self,
            cancel_days_before=lenient.cancel_days_before,
            cancel_time=lenient.cancel_time,
            pickup_until_morning=max(self.pickup_until_morning, promised.pickup_until_morning),
            pickup_until_afternoon=max(
                self.pickup_until_afternoon, promised.pickup_until_afternoon
            ),
            pickup_until_evening=max(self.pickup_until_evening, promised.pickup_until_evening),
        )

    def _cancel_strictness(self) -> timedelta:
        """Return how long before the end of the visit day cancelling ends."""
        clock = timedelta(hours=self.cancel_time.hour, minutes=self.cancel_time.minute)
        return self.cancel_days_before * ONE_DAY - clock


@lru_cache(4096)
def add_months(day: date, months: int) -> date:
    """Return the same day of the month, `months` later, clamped to that month's last day."""
    years, month0 = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month0 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def fullest_in_days(dates: Iterable[date], day: date, days: int) -> list[date]:
    """Return the most of `dates` in any `days` consecutive days that contain `day` (S12).

    Only windows that start at `day` or at one of the dates are counted: any other window holds
    no more than the window that starts at its first date.
    """
    near = [d for d in dates if abs((d - day).days) < days]
    starts = {d for d in near if d <= day} | {day}
    windows = ([d for d in near if 0 <= (d - start).days < days] for start in sorted(starts))
    return max(windows, key=len)


def fullest_in_months(dates: Iterable[date], day: date, months: int) -> list[date]:
    """Return the most of `dates` in any window [s, add_months(s, months)) that contains `day`.

    The same starts suffice as for days, because `add_months` is monotonic.
    """
    near = list(dates)
    starts = {d for d in near if d <= day < add_months(d, months)} | {day}
    windows = [(start, add_months(start, months)) for start in sorted(starts)]
    return max(([d for d in near if start <= d < end] for start, end in windows), key=len)
