"""Who may cancel, and until when (S14)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import CancelRefusal
from guahao.rules.supply.releasing import city_time


def cancel_deadline(visit_date: date, rules: HospitalRules) -> datetime:
    """Return the moment from which it is too late, no later than the start of the visit day."""
    last_day = visit_date - timedelta(days=rules.cancel_days_before)
    return min(city_time(last_day, rules.cancel_time), city_time(visit_date, time.min))


def cancel_until(appointment: AppointmentFacts) -> datetime:
    """Return the moment from which a booking can no longer be cancelled.

    A patient whom a substitute sees may cancel until the visit (RULES.md, Stopped clinic): until
    the session starts, or until the pick-up deadline, from which the booking is void.
    """
    if not appointment.is_substituted:
        return cancel_deadline(appointment.visit_date, appointment.rules)
    void_from = pickup_deadline(appointment.visit_date, appointment.period, appointment.rules)
    if appointment.starts_at is None:
        return void_from
    return min(city_time(appointment.visit_date, appointment.starts_at), void_from)


def decide_cancel(
    appointment: AppointmentFacts | None, by: str, at: datetime, policy: Policy
) -> CancelRefusal | None:
    """Return the first reason why `by` (`agent`, `patient`, …) may not cancel at `at`, or None.

    `appointment` None: it does not exist, or is another account's.
    """
    if appointment is None:
        return CancelRefusal.UNKNOWN
    if by not in policy.cancel_channels:
        return CancelRefusal.CANCEL_BY_PHONE
    if appointment.status != "booked":
        return CancelRefusal.NOT_CANCELLABLE
    if at >= cancel_until(appointment):
        return CancelRefusal.CANCEL_TOO_LATE
    return None
