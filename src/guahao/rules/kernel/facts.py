"""The facts that rules decide on, loaded by the caller under the right locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.values import value

PERIODS = ("morning", "afternoon", "evening")


@value
class SessionFacts:
    """A clinic session and its hospital's rules.

    `held`: places that wait for a draw, the first of them at `draw_at`. `reserved`: places that
    are kept for the hospital's counter, for referrals or for patients of a stopped clinic.
    """

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
    held: int = 0
    reserved: int = 0
    draw_at: datetime | None = None


@value
class CountedAppointment:
    """An appointment that counts against the limits (S12)."""

    visit_date: date
    hospital_id: int
    department_id: int
    # Still booked. Not compared: limits count live and past appointments alike.
    is_live: bool = field(default=False, compare=False)


@value
class PatientFacts:
    """A person: their account, suspension and counted appointments.

    `person`: the keyed index of the canonical document. It is the same in every registration of
    the person, in every account.
    """

    id: int
    account_id: int | None
    suspended_until: date | None = None
    counted: tuple[CountedAppointment, ...] = ()
    account_restricted_until: date | None = None
    document_ends_on: date | None = None  # a birth certificate's: the first birthday
    is_checked: bool = True  # the name was found to belong to the document
    person: bytes = field(kw_only=True)


@value
class Actor:
    """The requester: an account for its own patients, or staff for the person in front of them.

    `kind` is `account`, `staff` or `hospital`; the idempotency key belongs to the actor.
    """

    kind: str
    id: int

    def may_book_for(self, patient: PatientFacts) -> bool:
        """Return whether this actor may book for the patient: staff may book for everybody."""
        return self.kind != "account" or patient.account_id == self.id


@value
class BookingRequest:
    """A request to book. `at` is the request's own time, on the city's clock.

    `together_with`: the other patient of a pair that is booked in one request.
    `replaces`: the booking that is given up for this place.
    """

    actor: Actor
    key: str
    patient_id: int
    session_id: int
    channel: str
    at: datetime
    together_with: int | None = None
    replaces: int | None = None

    @property
    def scope(self) -> KeyScope:
        """Return the scope in which the idempotency key is unique, with the key."""
        return (self.actor.kind, self.actor.id, self.key)


KeyScope = tuple[str, int, str]


@value
class EarlierUse:
    """An earlier use of an idempotency key: its body and outcome.

    `outcome` is `booked`, with an `appointment_id`, or the refusal's value. `together_with`: the
    other patient, where two were booked in one request. `replaces`: the booking that was to be
    given up.
    """

    patient_id: int
    session_id: int
    outcome: str
    appointment_id: int | None = None
    retry_from: datetime | None = None
    visit_from: date | None = None
    together_with: int | None = None
    replaces: int | None = None


# Derives the secret key of a hospital's release on a day.
ReleaseKey = Callable[[int, date], bytes]


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """The facts of a batch, read after its locks were acquired."""

    sessions: Mapping[int, SessionFacts]
    patients: Mapping[int, PatientFacts]
    earlier: Mapping[KeyScope, EarlierUse] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    checks_names: bool = False  # whether a real-name verifier is configured
    release_key: ReleaseKey | None = None  # None: nobody has a personal release moment


@dataclass(frozen=True, slots=True)
class AppointmentFacts:
    """The facts of an appointment for cancelling, pick-up and attendance.

    `starts_at`: the session's, where it has one. `is_substituted`: whether another doctor sees
    the patient than the one who was booked, in the same hours.
    """

    status: str
    hospital_id: int
    visit_date: date
    period: str
    rules: HospitalRules
    starts_at: time | None = None
    is_substituted: bool = False
