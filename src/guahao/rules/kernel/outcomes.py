"""The answers of rules. A refusal is a value; the order of refusals is a contract (RULES.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from guahao.rules.kernel.facts import EarlierUse


class Refusal(StrEnum):
    """Why a booking is refused, in order of precedence."""

    UNKNOWN_SESSION = "unknown_session"
    NOT_YOUR_PATIENT = "not_your_patient"
    SESSION_STOPPED = "session_stopped"
    SAME_DAY = "same_day"
    NEXT_DAY_CLOSED = "next_day_closed"
    BEYOND_HORIZON = "beyond_horizon"
    NOT_RELEASED = "not_released"
    BY_DRAW = "by_draw"
    ACCOUNT_RESTRICTED = "account_restricted"
    DOCUMENT_ENDED = "document_ended"
    PERSON_UNCHECKED = "person_unchecked"
    PATIENT_SUSPENDED = "patient_suspended"
    DUPLICATE_DEPARTMENT = "duplicate_department"
    DAY_LIMIT = "day_limit"
    SEVEN_DAY_LIMIT = "seven_day_limit"
    THREE_MONTH_LIMIT = "three_month_limit"
    SOLD_OUT = "sold_out"


class CancelRefusal(StrEnum):
    """Why a cancellation is refused, in order of precedence (S14)."""

    UNKNOWN = "unknown_appointment"
    CANCEL_BY_PHONE = "cancel_by_phone"
    NOT_CANCELLABLE = "not_cancellable"
    CANCEL_TOO_LATE = "cancel_too_late"


class PickupRefusal(StrEnum):
    """Why a pick-up is refused, in order of precedence (S11)."""

    WRONG_PERSON = "wrong_person"
    WRONG_HOSPITAL = "wrong_hospital"
    ALREADY_PICKED_UP = "already_picked_up"
    NOT_BOOKED = "not_booked"
    WRONG_DAY = "wrong_day"
    TOO_LATE = "pickup_too_late"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request may be booked, and has been counted by the decider."""


Reason_co = TypeVar("Reason_co", bound=StrEnum, covariant=True)


@dataclass(frozen=True, slots=True)
class Refused(Generic[Reason_co]):
    """A refusal, which a flow returns in place of its result, and when it would be allowed.

    `retry_from`: the moment from which the same request is not refused for this reason.
    `visit_from`: the first later visit date, within the open dates, that the rules allow.
    A refusal with facts of its own inherits from this.
    """

    reason: Reason_co
    retry_from: datetime | None = None
    visit_from: date | None = None


@dataclass(frozen=True, slots=True)
class BeforeOwnMoment(Refused[Refusal]):
    """Refused until the patient's personal release moment, `retry_from` (RULES.md, Fair release).

    Unlike other refusals it is not stored under its idempotency key: the same request books
    from that moment on (docs/decisions/0042).
    """

    reason: Refusal = Refusal.NOT_RELEASED


class ThrottleRefusal(StrEnum):
    """Why a try is not looked at."""

    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Throttled(Refused[ThrottleRefusal]):
    """Too many tries; the next is looked at after `retry_after_seconds`."""

    reason: ThrottleRefusal = ThrottleRefusal.THROTTLED
    retry_after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """Success without a result."""


DONE = Done()


@dataclass(frozen=True, slots=True)
class Repeated:
    """A repeated key and body, for which the earlier answer stands."""

    earlier: EarlierUse


@dataclass(frozen=True, slots=True)
class RepeatedInBatch:
    """The same key and body as request number `index` of this batch."""

    index: int


@dataclass(frozen=True, slots=True)
class KeyMismatch:
    """A key that was used before for another body (`idempotency_mismatch`)."""


Decision = Accepted | Refused[Refusal] | Repeated | RepeatedInBatch | KeyMismatch
