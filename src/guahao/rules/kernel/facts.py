"""What the rules read. Whoever calls a rule has loaded these under the right locks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from guahao.rules.kernel.limits import HospitalRules, Policy

COUNTED_STATUSES = ("booked", "picked_up", "no_show", "unverified")  # S12; the rest frees
PERIODS = ("morning", "afternoon", "evening")


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A clinic session as the law sees it, with its hospital's rules."""

    id: int
    hospital_id: int
    department_id: int
    visit_date: date
    period: str
    capacity: int
    booked: int
    stopped: bool
    rules: HospitalRules
    title: str = ""


@dataclass(frozen=True, slots=True)
class CountedAppointment:
    """An appointment that counts against the limits (S12)."""

    visit_date: date
    hospital_id: int
    department_id: int
    # Booked, and nothing has become of it yet. No part of what a limit compares.
    is_live: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """A real person: whose account it is, until when suspended, what is counted."""

    id: int
    account_id: int | None
    suspended_until: date | None = None
    counted: tuple[CountedAppointment, ...] = ()
    account_restricted_until: date | None = None
    document_ends_on: date | None = None  # a birth certificate's: the first birthday
    is_checked: bool = True  # real name and document belong together


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an account for its own patients, or staff for anybody before them.

    `kind` is `account`, `staff` or `hospital`; the idempotency key belongs to the actor.
    """

    kind: str
    id: int

    def may_book_for(self, patient: PatientFacts) -> bool:
        """An account books for its own patients only; staff for the person before them."""
        return self.kind != "account" or patient.account_id == self.id


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """One wish to book. `at` is the request's own time, on the city's clock."""

    actor: Actor
    key: str
    patient_id: int
    session_id: int
    channel: str
    at: datetime

    @property
    def scope(self) -> KeyScope:
        """Where its idempotency key is unique."""
        return (self.actor.kind, self.actor.id, self.key)


KeyScope = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class EarlierUse:
    """A key that was used before: for which body, and with what outcome.

    `outcome` is `booked` or the refusal's word; `appointment_id` belongs to `booked`.
    """

    patient_id: int
    session_id: int
    outcome: str
    appointment_id: int | None = None
    retry_from: datetime | None = None
    visit_from: date | None = None


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """Everything a batch needs, read after its locks were taken."""

    sessions: Mapping[int, SessionFacts]
    patients: Mapping[int, PatientFacts]
    earlier: Mapping[KeyScope, EarlierUse] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    checks_names: bool = False  # whether a real-name verifier is configured


@dataclass(frozen=True, slots=True)
class AppointmentFacts:
    """An appointment as cancelling and picking up see it."""

    status: str
    hospital_id: int
    visit_date: date
    period: str
    rules: HospitalRules
