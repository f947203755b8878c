"""Decide two bookings of one request: both patients get a place, or neither (RULES.md, Together).

Each of the two is asked what the desk would ask, as if the other already had their place. Two
patients of one session therefore need two places, and each counts against their own limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from guahao.rules.booking.booking import Batch
from guahao.rules.kernel.facts import BookingFacts, BookingRequest, EarlierUse
from guahao.rules.kernel.outcomes import Accepted, KeyMismatch, Refusal, Refused

_ORDER = {reason: place for place, reason in enumerate(Refusal)}
_NO_BODY = {Refusal.UNKNOWN_SESSION, Refusal.NOT_YOUR_PATIENT}  # before the two are compared


class PairFault(StrEnum):
    """Why two bookings are not for one request, in order of precedence; nothing is decided."""

    SAME_PATIENT = "together_same_patient"
    OTHER_CLINIC = "together_other_clinic"


class Companion(StrEnum):
    """What is stored for the patient of a pair whom no rule refuses."""

    REFUSED = "companion_refused"


@dataclass(frozen=True, slots=True)
class PairRefused:
    """A refused pair: the first reason in the order of refusals, and the patients it is about."""

    refused: Refused[Refusal]
    patient_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PairRepeated:
    """A repeated key and body, for which the earlier answers stand, one for each patient."""

    uses: tuple[EarlierUse, EarlierUse]


PairDecision = Accepted | PairRefused | PairRepeated | Refused[PairFault] | KeyMismatch
Pair = tuple[BookingRequest, BookingRequest]


def companion_key(key: str) -> str:
    """Return the key under which a pair's second answer is stored; no caller can choose it."""
    return f"2 {sha256(key.encode()).hexdigest()[:32]}"


def decide_pair(facts: BookingFacts, pair: Pair) -> PairDecision:
    """Decide two requests of one actor at one moment; both are accepted, or neither."""
    repeated = _repeated(facts, pair)
    if repeated is not None:
        return repeated
    if pair[0].patient_id == pair[1].patient_id:
        return Refused(PairFault.SAME_PATIENT)
    found = [_refusal(facts, *pair), _refusal(facts, *reversed(pair))]
    reasons = [refused.reason for refused in found if refused is not None]
    if _NO_BODY.isdisjoint(reasons) and not _same_clinic(facts, pair):
        return Refused(PairFault.OTHER_CLINIC)
    if not reasons:
        return Accepted()
    first = min(reasons, key=_ORDER.__getitem__)
    about = [
        (request.patient_id, refused)
        for request, refused in zip(pair, found, strict=True)
        if refused is not None and refused.reason is first
    ]
    return PairRefused(_for_all([refused for _, refused in about]), tuple(id for id, _ in about))


def pair_refused_before(pair: Pair, uses: tuple[EarlierUse, EarlierUse]) -> PairRefused:
    """Return the refusal that is stored for a pair."""
    about = [
        (request.patient_id, Refused(Refusal(use.outcome), use.retry_from, use.visit_from))
        for request, use in zip(pair, uses, strict=True)
        if use.outcome != Companion.REFUSED
    ]
    return PairRefused(_for_all([refused for _, refused in about]), tuple(id for id, _ in about))


def _refusal(
    facts: BookingFacts, request: BookingRequest, companion: BookingRequest
) -> Refused[Refusal] | None:
    """Return why a request is refused once its companion has a place."""
    batch = Batch(facts)
    if companion.session_id in facts.sessions and companion.patient_id in facts.patients:
        batch.take(companion)
    return batch.refusal(request)


def _same_clinic(facts: BookingFacts, pair: Pair) -> bool:
    first, second = (facts.sessions[request.session_id] for request in pair)
    return (first.department_id, first.visit_date) == (second.department_id, second.visit_date)


def _for_all(refusals: list[Refused[Refusal]]) -> Refused[Refusal]:
    """Return one refusal for those who share its reason.

    It passes when it has passed for all. A visit date is named only where it holds for all.
    """
    moments = [refused.retry_from for refused in refusals if refused.retry_from is not None]
    dates = {refused.visit_from for refused in refusals}
    return replace(
        refusals[0],
        retry_from=max(moments) if len(moments) == len(refusals) else None,
        visit_from=dates.pop() if len(dates) == 1 else None,
    )


def _repeated(facts: BookingFacts, pair: Pair) -> PairRepeated | KeyMismatch | None:
    uses = [facts.earlier.get(request.scope) for request in pair]
    first, second = uses
    if first is None and second is None:
        return None
    if first is None or second is None:
        return KeyMismatch()
    asked = [
        (request.patient_id, request.session_id, request.together_with, request.replaces)
        for request in pair
    ]
    before = [
        (use.patient_id, use.session_id, use.together_with, use.replaces) for use in (first, second)
    ]
    return PairRepeated((first, second)) if asked == before else KeyMismatch()
