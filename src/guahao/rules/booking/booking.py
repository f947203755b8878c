"""Decide bookings: a batch in order, each request alone (S4-S7, S12, S16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from guahao.rules.booking.personal_moment import before_own_moment
from guahao.rules.kernel.facts import (
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    EarlierUse,
    KeyScope,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import (
    ONE_DAY,
    RENOWNED_SPECIALIST,
    HospitalRules,
    Policy,
    add_months,
    fullest_in_days,
    fullest_in_months,
)
from guahao.rules.kernel.outcomes import (
    Accepted,
    BeforeOwnMoment,
    Decision,
    KeyMismatch,
    Refusal,
    Refused,
    Repeated,
    RepeatedInBatch,
)
from guahao.rules.supply.releasing import city_time, date_refusal, furthest, is_closed

_MIDNIGHT = datetime.min.time()
Counted = Sequence[CountedAppointment]
# The reasons that count a person's bookings (S12), from the narrowest limit to the widest.
LimitReason = Literal[
    Refusal.DUPLICATE_DEPARTMENT,
    Refusal.DAY_LIMIT,
    Refusal.SEVEN_DAY_LIMIT,
    Refusal.THREE_MONTH_LIMIT,
]


def decide_batch(facts: BookingFacts, requests: Sequence[BookingRequest]) -> list[Decision]:
    """Decide requests in order; a place taken by a request is gone for the next.

    The decisions equal those of deciding each request alone, with facts read anew each time.
    """
    batch = Batch(facts)
    return [batch.decide(index, request) for index, request in enumerate(requests)]


class Batch:
    """The facts of a batch, and what its earlier requests have taken.

    The desk calls `decide`. A draw calls `refusal` and `take`, since it gives out its own places.
    """

    def __init__(self, facts: BookingFacts) -> None:
        self.facts = facts
        self.booked: dict[int, int] = {}
        self.counted: dict[int, list[CountedAppointment]] = {}
        self.keys: dict[KeyScope, int] = {}
        self.requests: list[BookingRequest] = []

    def decide(self, index: int, request: BookingRequest) -> Decision:
        self.requests.append(request)
        scope = request.scope
        repeated = self._repeated(request, scope)
        if repeated is not None:
            return repeated
        refused = self.refusal(request)
        if isinstance(refused, BeforeOwnMoment):
            return refused  # its key stays unused
        self.keys[scope] = index
        if refused is not None:
            return refused
        self.take(request)
        return Accepted()

    def _repeated(self, request: BookingRequest, scope: KeyScope) -> Decision | None:
        earlier = self.facts.earlier.get(scope)
        if earlier is not None:
            return Repeated(earlier) if _same_body(request, earlier) else KeyMismatch()
        index = self.keys.get(scope)
        if index is None:
            return None
        same = _same_body(request, self.requests[index])
        return RepeatedInBatch(index) if same else KeyMismatch()

    def refusal(
        self, request: BookingRequest, *, is_drawn: bool = False, is_released: bool = False
    ) -> Refused[Refusal] | None:
        """Return the first refusal that applies, or None.

        `is_drawn`: the draw has a place for the request, so that only its persons are in question.
        `is_released`: a draw releases its places itself, at the announced moment: the hospital may
        have changed its release time or its booking cycle since then.
        """
        session = self.facts.sessions.get(request.session_id)
        if session is None:
            return Refused(Refusal.UNKNOWN_SESSION)
        patient = self.facts.patients.get(request.patient_id)
        if patient is None or not request.actor.may_book_for(patient):
            return Refused(Refusal.NOT_YOUR_PATIENT)
        policy = self.facts.policy
        return (
            _stopped(session)
            or self._date_refused(session, request.at, is_released=is_released)
            or (None if is_drawn else self._before_own_moment(session, patient, request))
            or (None if is_drawn else self._by_draw(session, request.at))
            or _restricted(request, patient)
            or _document_ended(session, patient)
            or self._unchecked(session, patient)
            or _suspended(patient, request.at)
            or limit_refusal(session, self._counted_of(patient), request.at, policy)
            or (None if is_drawn else self._sold_out(session))
        )

    def refusal_for_all(self, session_id: int, at: datetime) -> Refused[Refusal] | None:
        """Return the first refusal that would apply to every patient, or None."""
        session = self.facts.sessions.get(session_id)
        if session is None:
            return Refused(Refusal.UNKNOWN_SESSION)
        return (
            _stopped(session)
            or self._date_refused(session, at, is_released=False)
            or self._by_draw(session, at)
            or self._sold_out(session)
        )

    def _date_refused(
        self, session: SessionFacts, at: datetime, *, is_released: bool
    ) -> Refused[Refusal] | None:
        """Refuse a date that cannot be booked at `at`; what is released only if it is too late."""
        policy = self.facts.policy
        if is_released and not is_closed(session.visit_date, at, session.rules, policy):
            return None
        return date_refusal(session.visit_date, at, session.rules, policy)

    def _before_own_moment(
        self, session: SessionFacts, patient: PatientFacts, request: BookingRequest
    ) -> BeforeOwnMoment | None:
        facts = self.facts
        return before_own_moment(session, patient, request.at, facts.policy, facts.release_key)

    def _unchecked(self, session: SessionFacts, patient: PatientFacts) -> Refused[Refusal] | None:
        """Refuse an unchecked person beyond what the policy and the hospital allow."""
        if patient.is_checked:
            return None
        policy, checks_names = self.facts.policy, self.facts.checks_names
        if for_checked_only(session.title, session.rules, policy, checks_names=checks_names):
            return Refused(Refusal.PERSON_UNCHECKED)
        if not checks_names:
            return None
        live = sum(counted.is_live for counted in self._counted_of(patient))
        return Refused(Refusal.PERSON_UNCHECKED) if live >= policy.unchecked_live_bookings else None

    def _counted_of(self, patient: PatientFacts) -> Counted:
        return self.counted.get(patient.id, patient.counted)

    def _by_draw(self, session: SessionFacts, at: datetime) -> Refused[Refusal] | None:
        """Refuse a session whose only places wait for a draw; an overdue draw has no known end."""
        if session.held == 0 or self._free(session) > 0:
            return None
        is_overdue = session.draw_at is None or session.draw_at <= at
        return Refused(Refusal.BY_DRAW, retry_from=None if is_overdue else session.draw_at)

    def _sold_out(self, session: SessionFacts) -> Refused[Refusal] | None:
        return Refused(Refusal.SOLD_OUT) if self._free(session) <= 0 else None

    def _free(self, session: SessionFacts) -> int:
        booked = self.booked.get(session.id, session.booked)
        return session.capacity - booked - session.held - session.reserved

    def take(self, request: BookingRequest) -> None:
        """Count a place and its person, for the requests that follow."""
        session, patient = (
            self.facts.sessions[request.session_id],
            self.facts.patients[request.patient_id],
        )
        self.booked[session.id] = self.booked.get(session.id, session.booked) + 1
        counted = self.counted.setdefault(patient.id, list(patient.counted))
        counted.append(
            CountedAppointment(
                session.visit_date, session.hospital_id, session.department_id, is_live=True
            )
        )


def _same_body(request: BookingRequest, other: BookingRequest | EarlierUse) -> bool:
    return (request.patient_id, request.session_id, request.together_with, request.replaces) == (
        other.patient_id,
        other.session_id,
        other.together_with,
        other.replaces,
    )


def for_checked_only(
    title: str, rules: HospitalRules, policy: Policy, *, checks_names: bool
) -> bool:
    """Return whether only checked persons may book a session.

    A hospital may require this on any platform. The policy's rule for experts holds only where
    a verifier is configured, because otherwise people cannot be checked at home.
    """
    by_policy = title == RENOWNED_SPECIALIST and not policy.unchecked_may_book_experts
    return rules.checked_only or (checks_names and by_policy)


def _stopped(session: SessionFacts) -> Refused[Refusal] | None:
    return Refused(Refusal.SESSION_STOPPED) if session.stopped else None


def _restricted(request: BookingRequest, patient: PatientFacts) -> Refused[Refusal] | None:
    """Refuse a restricted account until the day its restriction ends (S17)."""
    until = patient.account_restricted_until
    if request.actor.kind != "account" or until is None or request.at.date() >= until:
        return None
    return Refused(Refusal.ACCOUNT_RESTRICTED, retry_from=city_time(until, _MIDNIGHT))


def _document_ended(session: SessionFacts, patient: PatientFacts) -> Refused[Refusal] | None:
    """Refuse a birth certificate for visits from the first birthday on."""
    ends_on = patient.document_ends_on
    if ends_on is None or session.visit_date < ends_on:
        return None
    return Refused(Refusal.DOCUMENT_ENDED)


def _suspended(patient: PatientFacts, at: datetime) -> Refused[Refusal] | None:
    """Refuse a suspended patient until the day the suspension ends (S16)."""
    until = patient.suspended_until
    if until is None or at.date() >= until:
        return None
    return Refused(Refusal.PATIENT_SUSPENDED, retry_from=city_time(until, _MIDNIGHT))


def limit_refusal(
    session: SessionFacts, counted: Counted, at: datetime, policy: Policy
) -> Refused[LimitReason] | None:
    """Return the refusal of the limit per person that this booking would break (S12), or None.

    It names the next visit date, within the open dates, that the limits would allow.
    """
    place = (session.hospital_id, session.department_id)
    reason = _broken_limit(place, session.visit_date, counted, policy)
    if reason is None:
        return None
    last = furthest(at.date(), session.rules, policy)
    later = (
        day
        for day in sorted(_days_that_may_free(session.visit_date, counted, policy))
        if session.visit_date < day <= last
    )
    free = (day for day in later if _broken_limit(place, day, counted, policy) is None)
    return Refused(reason, visit_from=next(free, None))


def counted_since(policy: Policy, earliest: date) -> date:
    """Return a date before every window that a request of that day or later can touch."""
    months_back = add_months(earliest, -policy.long_window_months)
    days_back = earliest - timedelta(days=policy.short_window_days)
    return min(months_back, days_back) - timedelta(days=1)


def keeps_limits(place: CountedAppointment, counted: Counted, policy: Policy) -> bool:
    """Return whether another booking at this place stays within every limit per person (S12)."""
    where = (place.hospital_id, place.department_id)
    return _broken_limit(where, place.visit_date, counted, policy) is None


def _days_that_may_free(visit_date: date, counted: Counted, policy: Policy) -> set[date]:
    """Return the only dates on which a limit can stop refusing.

    They are the days after the visit and counted dates, and the ends of windows that start there.
    """
    dates = {c.visit_date for c in counted} | {visit_date}
    return (
        {day + ONE_DAY for day in dates}
        | {day + timedelta(days=policy.short_window_days) for day in dates}
        | {add_months(day, policy.long_window_months) for day in dates}
    )


def _broken_limit(
    place: tuple[int, int], day: date, counted: Counted, policy: Policy
) -> LimitReason | None:
    same_day = [c for c in counted if c.visit_date == day]
    same_place = sum((c.hospital_id, c.department_id) == place for c in same_day)
    if same_place >= policy.per_department_and_day:
        return Refusal.DUPLICATE_DEPARTMENT
    if len(same_day) >= policy.per_day:
        return Refusal.DAY_LIMIT
    # Skip counting windows for the many patients with few bookings.
    dates = [c.visit_date for c in counted]
    limit, days = policy.per_short_window, policy.short_window_days
    if len(dates) >= limit and len(fullest_in_days(dates, day, days)) >= limit:
        return Refusal.SEVEN_DAY_LIMIT
    limit, months = policy.per_long_window, policy.long_window_months
    if len(dates) >= limit and len(fullest_in_months(dates, day, months)) >= limit:
        return Refusal.THREE_MONTH_LIMIT
    return None
