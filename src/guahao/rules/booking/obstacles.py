"""The bookings that stand in the way of another: what the broken limit counts (S12)."""

from __future__ import annotations

from typing import assert_never

from guahao.rules.kernel.facts import CountedAppointment, PatientFacts, SessionFacts
from guahao.rules.kernel.limits import Policy, fullest_in_days, fullest_in_months
from guahao.rules.kernel.outcomes import Refusal


def obstacles(
    session: SessionFacts, patient: PatientFacts, reason: Refusal, policy: Policy
) -> list[CountedAppointment]:
    """Return the patient's bookings for which this one is refused, by visit date.

    Empty for reasons that other bookings have no part in.
    """
    day, counted = session.visit_date, patient.counted
    dates = [c.visit_date for c in counted]
    found: list[CountedAppointment]
    match reason:
        case Refusal.DUPLICATE_DEPARTMENT:
            place = (session.hospital_id, session.department_id)
            found = [
                c
                for c in counted
                if c.visit_date == day and (c.hospital_id, c.department_id) == place
            ]
        case Refusal.DAY_LIMIT:
            found = [c for c in counted if c.visit_date == day]
        case Refusal.SEVEN_DAY_LIMIT:
            window = fullest_in_days(dates, day, policy.short_window_days)
            found = [c for c in counted if c.visit_date in window]
        case Refusal.THREE_MONTH_LIMIT:
            window = fullest_in_months(dates, day, policy.long_window_months)
            found = [c for c in counted if c.visit_date in window]
        case Refusal.PERSON_UNCHECKED:
            live = [c for c in counted if c.is_live]
            found = live if len(live) >= policy.unchecked_live_bookings else []
        case (
            Refusal.UNKNOWN_SESSION
            | Refusal.NOT_YOUR_PATIENT
            | Refusal.SESSION_STOPPED
            | Refusal.SAME_DAY
            | Refusal.NEXT_DAY_CLOSED
            | Refusal.BEYOND_HORIZON
            | Refusal.NOT_RELEASED
            | Refusal.BY_DRAW
            | Refusal.ACCOUNT_RESTRICTED
            | Refusal.DOCUMENT_ENDED
            | Refusal.PATIENT_SUSPENDED  # by no-shows, which are over
            | Refusal.SOLD_OUT
        ):
            found = []
        case never:
            assert_never(never)
    return sorted(found, key=lambda c: c.visit_date)
