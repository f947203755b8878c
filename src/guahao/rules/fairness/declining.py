"""Declining a place that was won in a draw, by its patient and without the hotline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.outcomes import Refused

DECLINE_WITHIN = timedelta(hours=24)  # of the win, and until the cancel deadline


class DeclineRefusal(StrEnum):
    """Why a booking is not declined, in order of precedence."""

    UNKNOWN = "unknown_appointment"
    NOT_WON = "not_won"
    NOT_CANCELLABLE = "not_cancellable"
    TOO_LATE = "decline_too_late"


@dataclass(frozen=True, slots=True)
class DeclinedTooLate(Refused[DeclineRefusal]):
    """The patient's own time is over; `ended_at`: since when."""

    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Win:
    """A booking that was won in a draw, until when it may be declined, and when it was."""

    declinable_until: datetime
    declined_at: datetime | None = None


def declinable_until(won_at: datetime, cancel_until: datetime) -> datetime:
    """Return until when a win may be declined: 24 hours, as long as cancelling is possible."""
    return min(won_at + DECLINE_WITHIN, cancel_until)


def still_declinable_until(
    status: str, until: datetime | None, cancel_until: datetime
) -> datetime | None:
    """Return until when a booking may be declined, as its patient is shown it; None: it may not.

    `until`: as it was promised at the win, None where the booking was not won.
    """
    if until is None or status != "booked":
        return None
    return min(until, cancel_until)


def decide_decline(
    appointment: AppointmentFacts, win: Win | None, at: datetime
) -> Refused[DeclineRefusal] | None:
    """Return why a booking is not declined at `at`, or None."""
    if win is None:
        return Refused(DeclineRefusal.NOT_WON)
    if appointment.status != "booked":
        return Refused(DeclineRefusal.NOT_CANCELLABLE)
    deadline = cancel_deadline(appointment.visit_date, appointment.rules)
    until = min(win.declinable_until, deadline)
    if at >= until:
        return DeclinedTooLate(DeclineRefusal.TOO_LATE, ended_at=until)
    return None
