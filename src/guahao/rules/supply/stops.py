"""What may be stopped (停诊), and until when a stop may be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from guahao.rules.supply.planning import ROLLED_DAYS


class StopRefusal(StrEnum):
    """Why nothing is stopped, or a stop not undone."""

    UNKNOWN = "stop_unknown"
    NO_REASON = "stop_no_reason"
    DATES = "stop_dates"
    PAST = "stop_past"
    TOO_FAR = "stop_too_far"
    NOTHING = "stop_nothing"
    TOLD = "stop_told"
    UNDONE = "stop_undone"


class UnstopRefusal(StrEnum):
    """Why a stop is not taken back session by session."""

    WIDER = "stop_wider"


@dataclass(frozen=True, slots=True)
class StopTimes:
    """How far a stop has come: carried out, notified, undone; and when patients are notified."""

    notify_at: datetime
    done_at: datetime | None
    notified_at: datetime | None
    undone_at: datetime | None


def refused_dates(first: date, last: date, today: date) -> StopRefusal | None:
    """Return why sessions of these dates, both included, cannot be stopped."""
    if last < first:
        return StopRefusal.DATES
    if first < today:
        return StopRefusal.PAST
    # Later days have no sessions yet: there a timetable is ended.
    return StopRefusal.TOO_FAR if last > today + timedelta(days=ROLLED_DAYS) else None


def refused_undo(stop: StopTimes) -> StopRefusal | None:
    """Return why a stop stands: its patients have been notified, or it is undone already."""
    if stop.notified_at is not None:
        return StopRefusal.TOLD
    return None if stop.undone_at is None else StopRefusal.UNDONE


def refused_unstop(
    stop: StopTimes | None, *, is_of_one_session: bool
) -> StopRefusal | UnstopRefusal | None:
    """Return why a stopped session cannot be opened by itself.

    `stop`: the one that holds it; None where it was stopped at once and its patients notified.
    """
    if stop is None:
        return StopRefusal.TOLD
    return refused_undo(stop) if is_of_one_session else UnstopRefusal.WIDER


def is_to_be_notified(stop: StopTimes, now: datetime) -> bool:
    """Return whether a stop's time of grace is over, and its patients are to be notified."""
    return refused_undo(stop) is None and stop.done_at is not None and stop.notify_at <= now
