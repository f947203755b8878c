"""Replacement for a stopped clinic (停诊): who is offered which place, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.booking.booking import Batch
from guahao.rules.kernel.facts import Actor, BookingRequest, SessionFacts
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.planning import CAPACITY_MAX
from guahao.rules.supply.releasing import city_time

OFFERED_AT_LEAST = timedelta(hours=2)  # so that a patient can read the message and answer


class OfferRefusal(StrEnum):
    """Why a hospital offers no replacement, in order of precedence."""

    UNKNOWN = "replacement_unknown_stop"
    UNDONE = "replacement_undone"
    NO_PLACES = "replacement_no_places"
    TOO_SOON = "replacement_too_soon"
    OTHER_CLINIC = "replacement_other_clinic"
    SESSION_STOPPED = "replacement_session_stopped"
    DATE_CLOSED = "replacement_date_closed"
    TOO_MANY = "replacement_too_many"
    NOT_FREE = "replacement_not_free"
    NOBODY = "replacement_nobody"


class ReplacementRefusal(StrEnum):
    """Why an offered place is neither accepted nor declined, besides the rules of booking."""

    UNKNOWN = "unknown_replacement"
    DECLINED = "replacement_declined"
    ACCEPTED = "replacement_accepted"
    LAPSED = "replacement_lapsed"


@dataclass(frozen=True, slots=True)
class PlacesOffered:
    """Places of a session that a hospital offers: so many added to it, so many of its free ones."""

    session_id: int
    added: int
    from_free: int

    @property
    def places(self) -> int:
        """Return how many places may be offered."""
        return self.added + self.from_free


@dataclass(frozen=True, slots=True)
class StoppedPatient:
    """A stopped booking whose patient may be offered another place."""

    appointment_id: int
    patient_id: int
    account_id: int
    department_id: int
    title: str


@dataclass(frozen=True, slots=True)
class Allotted:
    """A place that is offered for a stopped booking."""

    stopped: StoppedPatient
    session_id: int


def answered_by(session: SessionFacts, until: datetime) -> datetime:
    """Return until when a place can be accepted: as the hospital says, while it can be booked."""
    last_day = session.visit_date - ONE_DAY
    return min(until, city_time(last_day, session.rules.next_day_stop_time))


def refused_places(
    offered: Sequence[PlacesOffered],
    sessions: Mapping[int, SessionFacts],
    kinds: frozenset[tuple[int, str]],
    until: datetime,
    now: datetime,
) -> OfferRefusal | None:
    """Return why these places cannot be offered.

    `sessions`: those of the hospital by id. `kinds`: department and title of what was stopped;
    other places are no replacement.
    """
    if not any(places.places for places in offered):
        return OfferRefusal.NO_PLACES
    if any(min(places.added, places.from_free) < 0 for places in offered):
        return OfferRefusal.NO_PLACES
    if until < now + OFFERED_AT_LEAST:
        return OfferRefusal.TOO_SOON
    found = [(places, sessions.get(places.session_id)) for places in offered]
    known = [(places, session) for places, session in found if session is not None]
    if len(known) < len(found) or any(
        (session.department_id, session.title) not in kinds for _, session in known
    ):
        return OfferRefusal.OTHER_CLINIC
    if any(session.stopped for _, session in known):
        return OfferRefusal.SESSION_STOPPED
    if any(answered_by(session, until) < now + OFFERED_AT_LEAST for _, session in known):
        return OfferRefusal.DATE_CLOSED
    if any(session.capacity + places.added > CAPACITY_MAX for places, session in known):
        return OfferRefusal.TOO_MANY
    if any(places.from_free > max(_free(session), 0) for places, session in known):
        return OfferRefusal.NOT_FREE
    return None


def allot(
    stopped: Sequence[StoppedPatient], offered: Sequence[PlacesOffered], batch: Batch, at: datetime
) -> list[Allotted]:
    """Give each stopped booking, in the given order, the earliest place that the rules allow.

    The order is that of booking. A stopped booking counts against no limit; a place that is
    allotted counts for its patient's next, and what is accepted is decided again.
    """
    left = {places.session_id: places.places for places in offered}
    by_visit = sorted(
        left, key=lambda id: (batch.facts.sessions[id].visit_date, batch.facts.sessions[id].id)
    )
    allotted = []
    for patient in stopped:
        for session_id in by_visit:
            session = batch.facts.sessions[session_id]
            same = (session.department_id, session.title) == (patient.department_id, patient.title)
            if not same or left[session_id] < 1:
                continue
            request = replacement_request(patient.account_id, patient.patient_id, session_id, at)
            if batch.refusal(request, is_drawn=True) is not None:
                continue
            batch.take(request)
            left[session_id] -= 1
            allotted.append(Allotted(patient, session_id))
            break
    return allotted


def replacement_request(
    account_id: int, patient_id: int, session_id: int, at: datetime, channel: str = "web"
) -> BookingRequest:
    """Return what the desk would be asked for an offered place, which has no key of its own."""
    return BookingRequest(Actor("account", account_id), "", patient_id, session_id, channel, at)


def decide_answer(
    state: str, accept_until: datetime, now: datetime
) -> Refused[ReplacementRefusal] | None:
    """Return why an offer cannot be answered any more, or None."""
    if state == "accepted":
        return Refused(ReplacementRefusal.ACCEPTED)
    if state == "declined":
        return Refused(ReplacementRefusal.DECLINED)
    if state == "lapsed" or now >= accept_until:
        return Refused(ReplacementRefusal.LAPSED)
    return None


def _free(session: SessionFacts) -> int:
    return session.capacity - session.booked - session.held - session.reserved
