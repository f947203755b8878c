"""Account holders who ask to be called (请回电): about what, when, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from guahao.rules.booking.cancelling import cancel_until
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.releasing import city_time

CALL_BACKS_A_DAY = 3
WINDOWS_SHOWN = 6
_PARTS = (time(12, 0), time(18, 0))  # where a day of the call centre is cut into windows
_AT_LEAST = timedelta(minutes=30)  # of a window that has begun, so that it can be kept


class Topic(StrEnum):
    """What a call is asked for."""

    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    HELP = "help"


class CallBackRefusal(StrEnum):
    """Why nobody will call, in order of precedence."""

    UNKNOWN_APPOINTMENT = "unknown_appointment"
    NO_PATIENT = "call_back_no_patient"
    WAITING = "call_back_waiting"
    WINDOW_PAST = "call_back_window_past"
    TOO_LATE = "call_back_too_late"
    TOO_MANY = "call_back_too_many"


@dataclass(frozen=True, slots=True)
class CallsTooLate(Refused[CallBackRefusal]):
    """The call would come too late for what is asked; `deadline`: until when it is possible."""

    reason: CallBackRefusal = CallBackRefusal.TOO_LATE
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a day in which the call centre calls."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CallBackFacts:
    """A wish to be called. `starts_at`: of the chosen window.

    `booking` None: it is about none. `has_patient`: whether the account has a patient.
    """

    topic: Topic
    starts_at: datetime
    booking: AppointmentFacts | None
    has_patient: bool
    is_waiting: bool
    asked_today: int  # with this one


def windows(now: datetime, hours: tuple[time, time]) -> list[Window]:
    """Return the next windows in which the call centre calls, the soonest first."""
    opens, closes = hours
    cuts = [opens, *(cut for cut in _PARTS if opens < cut < closes), closes]
    found: list[Window] = []
    day = now.date()
    while len(found) < WINDOWS_SHOWN:
        for start, end in pairwise(cuts):
            window = Window(city_time(day, start), city_time(day, end))
            if window.ends_at - _AT_LEAST >= now:
                found.append(window)
        day += ONE_DAY
    return found[:WINDOWS_SHOWN]


def in_time(
    offered: Sequence[Window], topic: Topic, booking: AppointmentFacts | None
) -> list[Window]:
    """Return the windows that begin while what is asked is still possible."""
    if topic is Topic.HELP or booking is None:
        return list(offered)
    if booking.status != "booked":
        return []
    until = cancel_until(booking)
    return [window for window in offered if window.starts_at < until]


def decide_call_back(
    facts: CallBackFacts, now: datetime, hours: tuple[time, time]
) -> Window | Refused[CallBackRefusal]:
    """Return the window in which to call, or why nobody will."""
    if not facts.has_patient:
        return Refused(CallBackRefusal.NO_PATIENT)
    if facts.is_waiting:
        return Refused(CallBackRefusal.WAITING)
    offered = windows(now, hours)
    chosen = next((window for window in offered if window.starts_at == facts.starts_at), None)
    if chosen is None:
        return Refused(CallBackRefusal.WINDOW_PAST)
    if chosen not in in_time(offered, facts.topic, facts.booking):
        return CallsTooLate(deadline=None if facts.booking is None else cancel_until(facts.booking))
    if facts.asked_today > CALL_BACKS_A_DAY:
        return Refused(CallBackRefusal.TOO_MANY)
    return chosen
