"""Taking the number at the hospital's window (S11), and when it is too late (S15)."""

from __future__ import annotations

from datetime import date, datetime

from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.rules.supply.releasing import city_time


def pickup_deadline(visit_date: date, period: str, rules: HospitalRules) -> datetime:
    """Return the moment from which a booking not picked up is void (S15)."""
    return city_time(visit_date, rules.pickup_until(period))


def decide_pickup(
    appointment: AppointmentFacts, same_person: bool, hospital_id: int, at: datetime
) -> PickupRefusal | None:
    """Return None if the number may be handed out, else the first reason not.

    `same_person`: the document shown is the registered one; the code has already matched.
    Nothing about a booking is told to another person, so that comes first.
    """
    if not same_person:
        return PickupRefusal.WRONG_PERSON
    if appointment.hospital_id != hospital_id:
        return PickupRefusal.WRONG_HOSPITAL
    if appointment.status == "picked_up":
        return PickupRefusal.ALREADY_PICKED_UP
    if appointment.status in ("cancelled", "stopped"):
        return PickupRefusal.NOT_BOOKED
    if appointment.visit_date != at.date():
        return PickupRefusal.WRONG_DAY
    if appointment.status != "booked":
        return PickupRefusal.TOO_LATE  # void stays void, even where the deadline is moved later
    deadline = pickup_deadline(appointment.visit_date, appointment.period, appointment.rules)
    return PickupRefusal.TOO_LATE if at >= deadline else None
