"""Words for the tests of the law: who asks, for what, when, and what was known then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256

from stdnum.cn import ric

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import (
    Actor,
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    EarlierUse,
    KeyScope,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import CITY_TIME, HospitalRules, Policy
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

COUNTED = {"booked", "picked_up", "no_show", "unverified"}  # S12
OWNER = Actor("account", 1)
STRANGER = Actor("account", 2)
AGENT = Actor("staff", 1)


def day(text: str) -> date:
    """A date such as 2026-03-02."""
    return date.fromisoformat(text)


def clock(text: str) -> time:
    """A clock reading such as 14:59:59.999999."""
    return time.fromisoformat(text)


def moment(text: str) -> datetime:
    """A moment on the city's clock, such as 2026-03-02 14:59:59.999999."""
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


def numbered(body: str) -> str:
    """The first 17 digits of a resident ID with their check digit."""
    return body + str(ric.calc_check_digit(body + "0"))


NOW = moment("2026-03-02 10:00")
SOON = day("2026-03-10")


def session(
    visit_date: date = SOON,
    number: int = 1,
    *,
    hospital: int = 1,
    department: int = 1,
    capacity: int = 20,
    booked: int = 0,
    stopped: bool = False,
    rules: HospitalRules | None = None,
) -> SessionFacts:
    """A clinic session with places left, unless told otherwise."""
    rules = rules or HospitalRules()
    return SessionFacts(
        number, hospital, department, visit_date, "morning", capacity, booked, stopped, rules
    )


def patient(
    number: int = 1,
    *,
    account: int | None = OWNER.id,
    suspended_until: date | None = None,
    counted: Iterable[CountedAppointment] = (),
    person: bytes | None = None,
) -> PatientFacts:
    """A patient of the owner's account; registrations with the same `person` are one person."""
    person = f"person {number}".encode() if person is None else person
    return PatientFacts(number, account, suspended_until, tuple(counted), person=person)


def elsewhere(*dates: date) -> tuple[CountedAppointment, ...]:
    """Counted appointments at hospitals that no session of a test belongs to."""
    return tuple(CountedAppointment(d, 900 + n, 900 + n) for n, d in enumerate(dates))


def release_key(hospital_id: int, day: date) -> bytes:
    """A release key, as the vault would derive it."""
    return sha256(f"{hospital_id} {day}".encode()).digest()


def request(
    session_id: int = 1,
    patient_id: int = 1,
    *,
    key: str = "key",
    actor: Actor = OWNER,
    at: datetime = NOW,
) -> BookingRequest:
    """A request to book."""
    return BookingRequest(actor, key, patient_id, session_id, "api", at)


def decide(
    wanted: SessionFacts,
    person: PatientFacts | None = None,
    *,
    at: datetime = NOW,
    actor: Actor = OWNER,
    policy: Policy | None = None,
) -> Decision:
    """The answer to one request alone."""
    person = person or patient()
    facts = BookingFacts({wanted.id: wanted}, {person.id: person}, {}, policy or Policy())
    [decision] = decide_batch(facts, [request(wanted.id, person.id, actor=actor, at=at)])
    return decision


def word(decision: Decision) -> str:
    """`booked`, or the refusal's word."""
    if isinstance(decision, Refused):
        return decision.reason.value
    assert isinstance(decision, Accepted)
    return "booked"


@dataclass
class Record:
    """An appointment on record."""

    patient_id: int
    session_id: int
    status: str = "booked"


Answer = int | Refused[Refusal] | KeyMismatch  # an appointment's number, or why not


class Ledger:
    """The platform's records in miniature: every decision reads its facts from them anew."""

    def __init__(
        self,
        sessions: Iterable[SessionFacts],
        patients: Iterable[PatientFacts],
        policy: Policy,
        *,
        checks_names: bool = False,
    ) -> None:
        self.sessions = {s.id: s for s in sessions}
        self.patients = {p.id: p for p in patients}
        self.policy = policy
        self.checks_names = checks_names
        self.records: list[Record] = []
        self.earlier: dict[KeyScope, EarlierUse] = {}

    def facts(self) -> BookingFacts:
        """What a batch would load now."""
        return BookingFacts(
            {id: replace(s, booked=s.booked + self._taken(id)) for id, s in self.sessions.items()},
            {id: replace(p, counted=self.counted(id)) for id, p in self.patients.items()},
            dict(self.earlier),
            self.policy,
            self.checks_names,
            release_key,
        )

    def _taken(self, session_id: int) -> int:
        return sum(r.session_id == session_id and r.status in COUNTED for r in self.records)

    def counted(self, patient_id: int) -> tuple[CountedAppointment, ...]:
        """A person's appointments that count against the limits."""
        mine = [r for r in self.records if r.patient_id == patient_id and r.status in COUNTED]
        return self.patients[patient_id].counted + tuple(
            CountedAppointment(
                s.visit_date, s.hospital_id, s.department_id, is_live=r.status == "booked"
            )
            for r in mine
            for s in [self.sessions[r.session_id]]
        )

    def book(self, requests: Sequence[BookingRequest]) -> list[Answer]:
        """Decide a batch, keep what follows from it, and tell each caller the answer."""
        decisions = decide_batch(self.facts(), requests)
        answers: list[Answer] = []
        for wanted, decision in zip(requests, decisions, strict=True):
            answers.append(self._answer(wanted, decision, answers))
        return answers

    def book_one_by_one(self, requests: Sequence[BookingRequest]) -> list[Answer]:
        """Each request alone, on facts that know of those before it."""
        return [answer for wanted in requests for answer in self.book([wanted])]

    def _answer(
        self, wanted: BookingRequest, decision: Decision, answers: Sequence[Answer]
    ) -> Answer:
        body = (wanted.patient_id, wanted.session_id)
        match decision:
            case Accepted():
                self.records.append(Record(*body))
                self.earlier[wanted.scope] = EarlierUse(*body, "booked", len(self.records))
                return len(self.records)
            case BeforeOwnMoment():
                return decision
            case Refused(reason, retry_from, visit_from):
                use = EarlierUse(*body, reason.value, None, retry_from, visit_from)
                self.earlier[wanted.scope] = use
                return decision
            case Repeated(use):
                return use.appointment_id or Refused(
                    Refusal(use.outcome), use.retry_from, use.visit_from
                )
            case RepeatedInBatch(index):
                return answers[index]
            case KeyMismatch():
                return decision
