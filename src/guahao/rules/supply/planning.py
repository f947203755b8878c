"""What a plan may hold: clinics, weekly timetables and their dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from guahao.rules.kernel.facts import PERIODS
from guahao.rules.supply.changes import PLANNED_DAYS, Clinic, earliest_new_day
from guahao.rules.supply.hours import HoursFault, new_hours_fault

Key = TypeVar("Key")

CAPACITY_MAX = 1000
WORDS_MAX = 40  # characters of a title or specialty
FEN = 100  # in a 元
FEE_MAX_FEN = 1_000_000
# Timetables are rolled out so far. Three months are at most 92 days; one more shows what the next
# day will release.
ROLLED_DAYS = 93
WEEKDAYS = range(1, 8)  # Monday is 1
FOR_EVER = date(9999, 12, 31)


class PlanRefusal(StrEnum):
    """Why a plan is not changed, in order of precedence."""

    TITLE = "plan_title"
    TIME = "plan_time"
    HOURS = "plan_hours"
    OUTSIDE_PERIOD = "plan_outside_period"
    PLACES = "plan_places"
    FEE = "plan_fee"
    DATES = "plan_dates"
    ENDED = "plan_ended"
    UNKNOWN = "plan_unknown"
    TITLE_NOT_OFFERED = "plan_title_not_offered"


def refused_places(capacity: int, fee_fen: int) -> PlanRefusal | None:
    """Return why no session may have so many places or such a fee."""
    if not 0 <= capacity <= CAPACITY_MAX:
        return PlanRefusal.PLACES
    return None if 0 <= fee_fen <= FEE_MAX_FEN else PlanRefusal.FEE


def refused_words(clinic: Clinic) -> PlanRefusal | None:
    """Return why no session may have this title and specialty, or this period."""
    named = 1 <= len(clinic.title) <= WORDS_MAX and len(clinic.specialty) <= WORDS_MAX
    return None if named and clinic.period in PERIODS else PlanRefusal.TITLE


def refused_clinic(clinic: Clinic) -> PlanRefusal | None:
    """Return why no session may hold this clinic; of its hours the law of sessions decides."""
    return refused_words(clinic) or refused_places(clinic.capacity, clinic.fee_fen)


def _clinic_refusals(clinic: Clinic, before: Clinic | None) -> list[PlanRefusal | None]:
    """Return what is against a timetable's clinic; `before`: what it holds now."""
    fault = new_hours_fault(None if before is None else before.hours, clinic.hours)
    hours = None
    if fault is not None:
        is_outside = fault is HoursFault.OUTSIDE_PERIOD
        hours = PlanRefusal.OUTSIDE_PERIOD if is_outside else PlanRefusal.HOURS
    return [refused_words(clinic), hours, refused_places(clinic.capacity, clinic.fee_fen)]


def timetable_refusals(
    clinic: Clinic,
    weekday: int,
    span: tuple[date, date],
    today: date,
    *,
    has_department: bool,
    is_offered: bool,
) -> list[PlanRefusal]:
    """Return every reason against a new timetable, in order of precedence.

    It begins tomorrow at the earliest (S4), as its sessions do, and within PLANNED_DAYS.
    `span`: its first and last day. `is_offered`: the city offers its title.
    """
    found = _clinic_refusals(clinic, None)
    first, last = span
    furthest = today + timedelta(days=PLANNED_DAYS)
    is_near = earliest_new_day(today) <= first <= furthest
    if not is_near or last < first or weekday not in WEEKDAYS:
        found.append(PlanRefusal.DATES)
    if not has_department:
        found.append(PlanRefusal.UNKNOWN)
    if not is_offered:
        found.append(PlanRefusal.TITLE_NOT_OFFERED)
    return [refused for refused in found if refused is not None]


def timetable_change_refusals(
    before: Clinic, after: Clinic, last_days: tuple[date, date], today: date, *, is_offered: bool
) -> list[PlanRefusal]:
    """Return every reason against changing a timetable, in order of precedence.

    `last_days`: before and after. What has ended stays ended, and nothing ends before today. A
    title that is no longer offered stays with the timetable that has it, and so do hours that no
    clinic gets any more.
    """
    found = _clinic_refusals(after, before)
    if min(last_days) < today:
        found.append(PlanRefusal.ENDED)
    if after.title != before.title and not is_offered:
        found.append(PlanRefusal.TITLE_NOT_OFFERED)
    return [refused for refused in found if refused is not None]


def decide_timetable_end(valid_until: date, last: date, today: date) -> PlanRefusal | None:
    """Decide whether a timetable may end after `last`, earlier than until now."""
    return None if today <= last < valid_until else PlanRefusal.DATES


def overlapping(spans: Iterable[tuple[int, int, Key]]) -> list[tuple[Key, Key]]:
    """Return pairs that overlap: the later span, and a span that is not over when it begins.

    A span is a beginning, an end that is no longer part of it, and a key.
    """
    pairs: list[tuple[Key, Key]] = []
    latest: tuple[int, Key] | None = None
    for start, end, key in sorted(spans, key=lambda span: (span[0], span[1])):
        if latest is not None and start < latest[0]:
            pairs.append((key, latest[1]))
        if latest is None or end > latest[0]:
            latest = (end, key)
    return pairs
