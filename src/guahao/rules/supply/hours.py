"""The hours of a clinic session: which it may have, and whether those of two may overlap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from typing import NamedTuple

# When a session of each period may begin. Wide, as hospitals part their days differently; but what
# begins in another part of the day would be void at its period's pick-up deadline, before it began.
PERIOD_BEGINS: Mapping[str, tuple[time, time]] = {
    "morning": (time(5, 0), time(12, 59)),
    "afternoon": (time(11, 0), time(18, 59)),
    "evening": (time(16, 0), time(23, 59)),
}


class HoursFault(StrEnum):
    """Why no session may have some hours, in order of precedence."""

    END_WITHOUT_START = "end_without_start"
    END_BEFORE_START = "end_before_start"
    OUTSIDE_PERIOD = "outside_period"


class Hours(NamedTuple):
    """When in the day a clinic is held: its period, and its times where it is timed (分时段)."""

    period: str
    starts_at: time | None
    ends_at: time | None


def hours_fault(hours: Hours) -> HoursFault | None:
    """Return what is wrong with hours. Both times, the start alone, or neither may be given."""
    if hours.starts_at is None:
        return None if hours.ends_at is None else HoursFault.END_WITHOUT_START
    if hours.ends_at is not None and hours.ends_at <= hours.starts_at:
        return HoursFault.END_BEFORE_START
    if hours.period in PERIOD_BEGINS:
        first, last = PERIOD_BEGINS[hours.period]
        if not first <= hours.starts_at <= last:
            return HoursFault.OUTSIDE_PERIOD
    return None


def new_hours_fault(before: Hours | None, after: Hours) -> HoursFault | None:
    """Return what is wrong with hours that are new; what is stored keeps the hours that it has."""
    return None if before == after else hours_fault(after)


def may_overlap(one: Hours, other: Hours) -> bool:
    """Return whether two clinics of a date may be held at the same time.

    Without a start a clinic takes its whole period, without an end it may last until the day ends.
    """
    if one.period != other.period:
        return False
    if one.starts_at is None or other.starts_at is None:
        return True
    one_ends, other_ends = one.ends_at or time.max, other.ends_at or time.max
    return one.starts_at < other_ends and other.starts_at < one_ends
