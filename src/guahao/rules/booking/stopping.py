"""Which bookings come back when a stop (停诊) is undone before anybody was told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.booking.booking import keeps_limits
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.policies import DatedPolicies


@dataclass(frozen=True, slots=True)
class StoppedBooking:
    """A booking that a stop took, and the place it had. `over_at`: its pick-up deadline.

    `booked_on`: the day on which it was booked, whose policy it keeps.
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
    """The ids that live again, in the order given: whoever booked first comes first.

    `places`: what each session has left; `counted`: what each patient has booked by now. One
    stays stopped whose patient has meanwhile used the freed limit (S12), whose session has no
    place left, or that could no longer be picked up (S15): nobody becomes a no-show by it.
    """
    left = dict(places)
    taken = {patient_id: list(found) for patient_id, found in counted.items()}
    restored = []
    for one in bookings:
        own = taken.setdefault(one.patient_id, [])
        place = CountedAppointment(one.visit_date, one.hospital_id, one.department_id)
        if at >= one.over_at or left[one.session_id] < 1:
            continue
        # What was allowed when it was booked, or is by now: the kinder.
        allowing = (policies.on(one.booked_on), policies.on(at.date()))
        if not any(keeps_limits(place, own, policy) for policy in allowing):
            continue
        left[one.session_id] -= 1
        own.append(place)
        restored.append(one.id)
    return restored
