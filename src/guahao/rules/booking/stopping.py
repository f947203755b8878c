"""Decide which bookings are restored when a stop (停诊) is undone before it is announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.booking.booking import keeps_limits
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.policies import DatedPolicies


@dataclass(frozen=True, slots=True)
class StoppedBooking:
    """A stopped booking and its former place.

    `over_at`: its pick-up deadline. `booked_on`: the day of booking, whose policy it keeps.
    """

    id: int
    patient_id: int
    session_id: int
    hospital_id: int
    department_id: int
    visit_date: date
    over_at: datetime
    booked_on: date


def decide_restore(
    bookings: Sequence[StoppedBooking],
    places: Mapping[int, int],
    counted: Mapping[int, Sequence[CountedAppointment]],
    at: datetime,
    policies: DatedPolicies,
) -> list[int]:
    """Return the ids of the bookings to restore, in the given order, which is that of booking.

    `places`: the places left in each session. `counted`: each patient's bookings by now. A
    booking stays stopped if its patient has used the freed limit since (S12), if its session
    has no place left, or if its pick-up deadline is over (S15), which would make a no-show.
    """
    left = dict(places)
    taken = {patient_id: list(found) for patient_id, found in counted.items()}
    restored = []
    for booking in bookings:
        own = taken.setdefault(booking.patient_id, [])
        place = CountedAppointment(booking.visit_date, booking.hospital_id, booking.department_id)
        if at >= booking.over_at or left[booking.session_id] < 1:
            continue
        # The more lenient of the policies of the day of booking and of today counts.
        allowing = (policies.on(booking.booked_on), policies.on(at.date()))
        if not any(keeps_limits(place, own, policy) for policy in allowing):
            continue
        left[booking.session_id] -= 1
        own.append(place)
        restored.append(booking.id)
    return restored
