"""What a hospital's window may put right of a day: a pick-up, a list on paper, a session (S11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules

PAPER_DAYS = 3  # so long after a visit date a list on paper may be entered


class WindowRefusal(StrEnum):
    """Why a correction, an entry or a closing is refused, in order of precedence."""

    REASON_NEEDED = "window_reason_needed"
    UNKNOWN = "window_unknown"
    NOT_PICKED_UP = "window_not_picked_up"
    NOT_TODAY = "window_not_today"
    STOPPED = "window_stopped"
    TOO_EARLY = "window_too_early"
    TOO_OLD = "window_too_old"


@dataclass(frozen=True, slots=True)
class CorrectionFacts:
    """A pick-up that a clerk takes back. `appointment`: None where there is no such booking.

    `settled`: whether the sweep is done with its session.
    """

    reason: str
    appointment: AppointmentFacts | None
    settled: bool


@dataclass(frozen=True, slots=True)
class DaySessionFacts:
    """A session of the hospital's own, with what closing it depends on.

    `promised`: the rules under which those who still wait have booked.
    """

    visit_date: date
    period: str
    stopped: bool
    rules: HospitalRules
    promised: tuple[HospitalRules, ...] = ()


def closes_from(session: DaySessionFacts) -> datetime:
    """Return the pick-up deadline, or the later one under which somebody waiting has booked."""
    every = (session.rules, *session.promised)
    return max(pickup_deadline(session.visit_date, session.period, rules) for rules in every)


def decide_correction(
    facts: CorrectionFacts, hospital_id: int, at: datetime
) -> str | WindowRefusal:
    """Return the status that the booking goes back to.

    Before the deadline it waits again. After it, or once its session is settled, it is
    `unverified`: a correction alone never makes a no-show of anybody.
    """
    appointment = facts.appointment
    if not facts.reason:
        return WindowRefusal.REASON_NEEDED
    if appointment is None or appointment.hospital_id != hospital_id:
        return WindowRefusal.UNKNOWN
    if appointment.status != "picked_up":
        return WindowRefusal.NOT_PICKED_UP
    if appointment.visit_date != at.date():
        return WindowRefusal.NOT_TODAY
    deadline = pickup_deadline(appointment.visit_date, appointment.period, appointment.rules)
    return "booked" if at < deadline and not facts.settled else "unverified"


def decide_closing(session: DaySessionFacts | None, at: datetime) -> WindowRefusal | None:
    """Return why the session's attendance is not complete yet; `session` None: not their own."""
    if session is None:
        return WindowRefusal.UNKNOWN
    if session.stopped:
        return WindowRefusal.STOPPED
    return WindowRefusal.TOO_EARLY if at < closes_from(session) else None


def decide_paper_entry(
    reason: str, session: DaySessionFacts | None, today: date
) -> WindowRefusal | None:
    """Return why pick-ups on paper are not entered; `session` None: not their own."""
    if not reason:
        return WindowRefusal.REASON_NEEDED
    if session is None:
        return WindowRefusal.UNKNOWN
    in_time = 0 <= (today - session.visit_date).days <= PAPER_DAYS
    return None if in_time else WindowRefusal.TOO_OLD
