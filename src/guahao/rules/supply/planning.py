"""What a plan may hold: clinics, weekly timetables and their dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from enum import StrEnum
from typing import TypeVar

from guahao.rules.kernel.facts import PERIODS
from guahao.rules.supply.changes import PLANNED_DAYS, Clinic, earliest_new_day

Key = TypeVar("Key")

# When a session of each period may begin. Wide, as hospitals part their days differently.
PERIOD_BEGINS: Mapping[str, tuple[time, time]] = {
    "morning": (time(5, 0), time(12, 59)),
    "afternoon": (time(11, 0), time(18, 59)),
    "evening": (time(16, 0), time(23, 59)),
}

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


def refused_clinic(clinic: Clinic) -> PlanRefusal | None:
    """Return why no session may hold this clinic."""
    named = 1 <= len(clinic.title) <= WORDS_MAX and len(clinic.specialty) <= WORDS_MAX
    if not named or clinic.period not in PERIODS:
        return PlanRefusal.TITLE
    if clinic.ends_at is not None and (
        clinic.starts_at is None or clinic.starts_at >= clinic.ends_at
    ):
        return PlanRefusal.HOURS
    return refused_places(clinic.capacity, clinic.fee_fen)


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
    found = [refused_clinic(clinic)]
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
    title that is no longer offered stays with the timetable that has it.
    """
    found = [refused_clinic(after)]
    if min(last_days) < today:
        found.append(PlanRefusal.ENDED)
    if after.title != before.title and not is_offered:
        found.append(PlanRefusal.TITLE_NOT_OFFERED)
    return [refused for refused in found if refused is not None]


def decide_timetable_end(valid_until: date, last: date, today: date) -> PlanRefusal | None:
    """Decide whether a timetable may end after `last`, earlier than until now."""
    return None if today <= last < valid_until else PlanRefusal.DATES


def begins_within(period: str, starts_at: time) -> bool:
    """Return whether a session of this period may begin then."""
    first, last = PERIOD_BEGINS[period]
    return first <= starts_at <= last


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
