"""What a hospital's report of who came, and who did not, makes of a booking (S16)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from guahao.rules.attendance.penalties import void_status
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.facts import AppointmentFacts

REPORTED_DAYS = 30  # after the visit date; the code is kept so long, too


class AttendanceRefusal(StrEnum):
    """Why a report of attendance is refused, in order of precedence."""

    UNKNOWN = "attendance_unknown"
    NOT_BOOKED = "attendance_not_booked"
    TOO_EARLY = "attendance_too_early"
    TOO_OLD = "attendance_too_old"
    PICKED_UP = "attendance_picked_up"


def decide_attendance(
    appointment: AppointmentFacts, seen: bool, at: datetime
) -> str | AttendanceRefusal | None:
    """Return the status that follows; None where nothing changes.

    Who came is believed also where the booking was void already: a message that came late
    must never punish a patient. Who did not come is believed from the pick-up deadline on,
    and never of somebody to whom a number was handed out.
    """
    status, day = appointment.status, appointment.visit_date
    if status in ("cancelled", "stopped"):
        return AttendanceRefusal.NOT_BOOKED
    deadline = pickup_deadline(day, appointment.period, appointment.rules)
    if day > at.date() or (not seen and at < deadline):
        return AttendanceRefusal.TOO_EARLY
    wanted = "picked_up" if seen else void_status(True, is_substituted=appointment.is_substituted)
    if status == wanted:
        return None
    if (at.date() - day).days > REPORTED_DAYS:
        return AttendanceRefusal.TOO_OLD
    return AttendanceRefusal.PICKED_UP if status == "picked_up" else wanted
