"""Move a booking to another session: who may, until when, and to which places (改约).

The rules of cancelling decide about the booking that is given up, the rules of booking about the
place that is wanted, with the limits counted as if the first were gone. So nobody gets a place in
this way that they could not book, and nobody gives one up that they could not cancel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from guahao.rules.booking.booking import Batch
from guahao.rules.booking.cancelling import cancel_until, decide_cancel
from guahao.rules.kernel.facts import (
    AppointmentFacts,
    BookingFacts,
    BookingRequest,
    CountedAppointment,
)
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import (
    Accepted,
    CancelRefusal,
    KeyMismatch,
    Refusal,
    Refused,
    Repeated,
    RepeatedInBatch,
)


class RescheduleRefusal(StrEnum):
    """Why a booking stays as it is, in order of precedence, before any rule of booking."""

    UNKNOWN = "unknown_appointment"
    BY_PHONE = "reschedule_by_phone"
    NOT_LIVE = "not_reschedulable"
    TOO_LATE = "reschedule_too_late"
    SAME_SESSION = "reschedule_same_session"


_AS_FOR_CANCELLING = {
    CancelRefusal.UNKNOWN: RescheduleRefusal.UNKNOWN,
    CancelRefusal.CANCEL_BY_PHONE: RescheduleRefusal.BY_PHONE,
    CancelRefusal.NOT_CANCELLABLE: RescheduleRefusal.NOT_LIVE,
    CancelRefusal.CANCEL_TOO_LATE: RescheduleRefusal.TOO_LATE,
}


@dataclass(frozen=True, slots=True)
class NotRescheduled(Refused[RescheduleRefusal]):
    """The booking stays as it is. `until`: the moment from which it was too late."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """The booking that is given up, with its locked facts."""

    session_id: int
    department_id: int
    facts: AppointmentFacts

    @property
    def counted(self) -> CountedAppointment:
        """Return the booking as it counts against the limits."""
        return CountedAppointment(
            self.facts.visit_date, self.facts.hospital_id, self.department_id, is_live=True
        )


RescheduleDecision = Accepted | NotRescheduled | Refused[Refusal] | Repeated | KeyMismatch


def decide_reschedule(
    facts: BookingFacts,
    request: BookingRequest,
    replaced: Replaced | None,
    by: str,
    policy: Policy,
) -> RescheduleDecision:
    """Decide a request for another place instead of `replaced`.

    `facts`: as at the desk, with the booking still counted. `replaced` None: the booking is
    unknown, or another account's. `by`: `agent` or `patient`. `policy`: the one that holds for
    cancelling the booking. An answer that stands under the key comes before everything else.
    """
    if request.scope not in facts.earlier:
        stays = decide_replaced(replaced, by, request.at, policy)
        if stays is not None:
            return stays
        assert replaced is not None
        if request.session_id == replaced.session_id:
            return NotRescheduled(RescheduleRefusal.SAME_SESSION)
        facts = _without(facts, request.patient_id, replaced.counted)
    decision = Batch(facts).decide(0, request)
    assert not isinstance(decision, RepeatedInBatch)  # a request alone
    return decision


def decide_replaced(
    replaced: Replaced | None, by: str, at: datetime, policy: Policy
) -> NotRescheduled | None:
    """Return why a booking cannot be given up for another place, or None."""
    if replaced is None:
        return NotRescheduled(RescheduleRefusal.UNKNOWN)
    refusal = decide_cancel(replaced.facts, by, at, policy)
    if refusal is None:
        return None
    return NotRescheduled(_AS_FOR_CANCELLING[refusal], until=cancel_until(replaced.facts))


def _without(facts: BookingFacts, patient_id: int, replaced: CountedAppointment) -> BookingFacts:
    """Return the facts as if the patient's live booking at this place were gone."""
    patient = facts.patients.get(patient_id)
    if patient is None:
        return facts
    counted = list(patient.counted)
    gone = next((n for n, c in enumerate(counted) if c.is_live and c == replaced), None)
    if gone is not None:
        del counted[gone]
    patients = {**facts.patients, patient_id: replace(patient, counted=tuple(counted))}
    return replace(facts, patients=patients)
