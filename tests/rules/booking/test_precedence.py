"""The order of refusals is a contract: where several apply, the first answers (part 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise

import pytest
from tests.rules import oracle
from tests.rules.helpers import NOW, OWNER, STRANGER, clock, moment, patient, request, session, word

from guahao.rules.booking.booking import Batch, decide_batch
from guahao.rules.kernel.facts import (
    Actor,
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    EarlierUse,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import RENOWNED_SPECIALIST, HospitalRules
from guahao.rules.kernel.outcomes import (
    CancelRefusal,
    KeyMismatch,
    PickupRefusal,
    Refusal,
    Refused,
    Repeated,
)

TODAY = NOW.date()
DRAW_AT = NOW + timedelta(hours=2)


@dataclass
class Case:
    """A request that would be booked, until something is said against it."""

    visit_date: date = TODAY + timedelta(days=30)
    at: datetime = NOW
    actor: Actor = OWNER
    rules: HospitalRules = field(default_factory=HospitalRules)
    known: bool = True
    stopped: bool = False
    capacity: int = 20
    waits_for_a_draw: bool = False
    restricted_until: date | None = None
    is_checked: bool = True
    has_ended: bool = False
    suspended_until: date | None = None
    counted: list[CountedAppointment] = field(default_factory=list)

    def count(self, *days_away: int, hospital: int = 2, department: int = 2) -> None:
        """Counted appointments so many days from the visit date."""
        for days in days_away:
            visit = self.visit_date + timedelta(days=days)
            self.counted.append(CountedAppointment(visit, hospital, department))

    def parts(self) -> tuple[BookingFacts, BookingRequest]:
        """What the rules are given."""
        offered = session(
            self.visit_date, capacity=self.capacity, stopped=self.stopped, rules=self.rules
        )
        person = patient(suspended_until=self.suspended_until, counted=self.counted)
        offered = replace(offered, title=RENOWNED_SPECIALIST)
        if self.waits_for_a_draw:
            offered = replace(offered, held=self.capacity, draw_at=DRAW_AT)
        person = replace(
            person, account_restricted_until=self.restricted_until, is_checked=self.is_checked
        )
        if self.has_ended:
            person = replace(person, document_ends_on=self.visit_date)
        facts = BookingFacts({1: offered} if self.known else {}, {1: person}, checks_names=True)
        return facts, request(at=self.at, actor=self.actor)


def make_dates_refuse(case: Case, reasons: Iterable[str]) -> None:
    """Choose visit date, time and hospital's rules so that these reasons apply."""
    match tuple(reason for reason in oracle.ORDER[3:7] if reason in reasons):
        case ("same_day",):
            case.visit_date = TODAY
        case ("next_day_closed",):
            case.visit_date, case.at = TODAY + timedelta(days=1), moment("2026-03-02 15:00")
        case ("beyond_horizon",):
            case.rules = HospitalRules(cycle_days=29)
        case ("not_released",):
            case.rules = HospitalRules(cycle_days=30, release_time=clock("10:00:00.000001"))
        case ("same_day", "not_released"):
            case.visit_date = TODAY
            case.rules = HospitalRules(cycle_days=0, release_time=clock("11:00"))
        case ("next_day_closed", "beyond_horizon"):
            case.visit_date, case.at = TODAY + timedelta(days=1), moment("2026-03-02 15:00")
            case.rules = HospitalRules(cycle_days=0)
        case ("next_day_closed", "not_released"):
            case.visit_date, case.at = TODAY + timedelta(days=1), moment("2026-03-02 15:00")
            case.rules = HospitalRules(cycle_days=1, release_time=clock("16:00"))
        case _:
            pass


def against(*reasons: str) -> tuple[BookingFacts, BookingRequest]:  # noqa: C901, PLR0912 - a case a reason
    """A request to which all of these reasons apply."""
    case = Case()
    make_dates_refuse(case, reasons)
    if "unknown_session" in reasons:
        case.known = False
    if "not_your_patient" in reasons:
        case.actor = STRANGER
    if "session_stopped" in reasons:
        case.stopped = True
    if "by_draw" in reasons:
        case.waits_for_a_draw = True
    if "account_restricted" in reasons:
        case.restricted_until = TODAY + timedelta(days=1)
    if "document_ended" in reasons:
        case.has_ended = True
    if "person_unchecked" in reasons:
        case.is_checked = False
    if "patient_suspended" in reasons:
        case.suspended_until = TODAY + timedelta(days=1)
    if "duplicate_department" in reasons:
        case.count(0, hospital=1, department=1)
    if "day_limit" in reasons:
        case.count(*(0, 0)[len(case.counted) :])
    if "seven_day_limit" in reasons:
        case.count(*(3, 4, 6)[len(case.counted) :])
    if "three_month_limit" in reasons:
        case.count(*(7, 17, 27, 37, 47)[len(case.counted) :])
    if "sold_out" in reasons:
        case.capacity = 0
    return case.parts()


# A visit date cannot be today and tomorrow; what lies beyond the furthest date is neither
# today nor released later today. What waits for a draw is not sold out.
NEVER_TOGETHER = {
    ("same_day", "next_day_closed"),
    ("same_day", "beyond_horizon"),
    ("beyond_horizon", "not_released"),
    ("by_draw", "sold_out"),
}
PAIRS = [pair for pair in combinations(oracle.ORDER, 2) if pair not in NEVER_TOGETHER]
# Nothing can be read from a session that does not exist; the rest can be true at once.
JUDGED_ON_THE_SESSION = set(oracle.ORDER[2:]) - {"account_restricted", "patient_suspended"}


def test_the_contract_names_the_refusals_in_this_order() -> None:
    assert tuple(Refusal) == oracle.ORDER


def test_nearly_every_pair_of_reasons_can_meet() -> None:
    assert len(PAIRS) == 17 * 16 // 2 - 4
    adjacent = set(pairwise(oracle.ORDER))
    assert adjacent - set(PAIRS) == {
        ("same_day", "next_day_closed"),
        ("beyond_horizon", "not_released"),
    }


def test_a_request_with_nothing_against_it_is_booked() -> None:
    assert oracle.reasons(*against()) == set()
    facts, wanted = against()
    assert not isinstance(decide_batch(facts, [wanted])[0], Refused)


@pytest.mark.parametrize("reason", oracle.ORDER)
def test_a_reason_alone_is_the_answer(reason: str) -> None:
    facts, wanted = against(reason)
    assert oracle.reasons(facts, wanted) == {reason}
    [decision] = decide_batch(facts, [wanted])
    assert isinstance(decision, Refused)
    assert decision.reason == reason


@pytest.mark.parametrize(("earlier", "later"), PAIRS)
def test_of_two_reasons_the_earlier_answers(earlier: str, later: str) -> None:
    facts, wanted = against(earlier, later)
    both = {earlier, later}
    if earlier == "unknown_session":
        both -= JUDGED_ON_THE_SESSION
    assert oracle.reasons(facts, wanted) == both
    [decision] = decide_batch(facts, [wanted])
    assert isinstance(decision, Refused)
    assert decision.reason == earlier


# What stands against every patient alike, whoever asks.
OF_ALL = ("unknown_session", "session_stopped", *oracle.ORDER[3:8], "sold_out")


@pytest.mark.parametrize("reasons", [(), *((reason,) for reason in oracle.ORDER), *PAIRS])
def test_what_refuses_everybody_is_told_before_a_patient_is_chosen(
    reasons: tuple[str, ...],
) -> None:
    facts, wanted = against(*reasons)
    refused = Batch(facts).refusal_for_all(wanted.session_id, wanted.at)
    first = next((reason for reason in reasons if reason in OF_ALL), None)
    assert (None if refused is None else refused.reason) == first


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("same_day", "same_day"),
        ("next_day_closed", "next_day_closed"),
        # The draw was announced for this moment: the hospital's rules may have changed since.
        ("beyond_horizon", None),
        ("not_released", None),
        # What a draw gives out is neither waiting for another draw nor sold out.
        ("by_draw", None),
        ("sold_out", None),
        ("day_limit", "day_limit"),
    ],
)
def test_what_still_refuses_a_patient_to_whom_a_draw_gives_its_places(
    reason: str, answer: str | None
) -> None:
    facts, wanted = against(reason)
    refused = Batch(facts).refusal(wanted, is_drawn=True, is_released=True)
    assert (None if refused is None else refused.reason) == answer


def test_a_session_that_was_never_known_is_told_before_anything_else() -> None:
    facts, wanted = against(*set(oracle.ORDER) - {"next_day_closed", "beyond_horizon"})
    [decision] = decide_batch(facts, [wanted])
    assert decision == Refused(Refusal.UNKNOWN_SESSION)


@pytest.mark.parametrize("reason", oracle.ORDER)
def test_another_body_under_a_used_key_is_told_before_any_rule(reason: str) -> None:
    facts, wanted = against(reason)
    facts = replace(facts, earlier={wanted.scope: EarlierUse(wanted.patient_id, 99, "sold_out")})
    assert decide_batch(facts, [wanted]) == [KeyMismatch()]


@pytest.mark.parametrize("reason", oracle.ORDER)
def test_an_answer_once_given_stands_whatever_has_happened_since(reason: str) -> None:
    facts, wanted = against(reason)
    use = EarlierUse(wanted.patient_id, wanted.session_id, "booked", appointment_id=7)
    facts = replace(facts, earlier={wanted.scope: use})
    assert decide_batch(facts, [wanted]) == [Repeated(use)]


@pytest.mark.parametrize(
    ("people", "sessions"),
    [({}, {1: session()}), ({1: patient(account=None)}, {1: session()})],
    ids=["unknown patient", "patient of no account"],
)
def test_an_account_books_for_its_own_patients_only(
    people: dict[int, PatientFacts], sessions: dict[int, SessionFacts]
) -> None:
    [decision] = decide_batch(BookingFacts(sessions, people), [request()])
    assert decision == Refused(Refusal.NOT_YOUR_PATIENT)


@pytest.mark.parametrize("kind", ["staff", "hospital"])
@pytest.mark.parametrize("account", [None, 1, 2])
def test_staff_book_for_whoever_is_before_them(kind: str, account: int | None) -> None:
    facts = BookingFacts({1: session()}, {1: patient(account=account)})
    [decision] = decide_batch(facts, [request(actor=Actor(kind, 1))])
    assert not isinstance(decision, Refused)


def test_even_staff_cannot_book_for_a_patient_who_does_not_exist() -> None:
    [decision] = decide_batch(BookingFacts({1: session()}, {}), [request(actor=Actor("staff", 1))])
    assert decision == Refused(Refusal.NOT_YOUR_PATIENT)


def test_cancelling_and_picking_up_keep_their_order() -> None:
    assert tuple(CancelRefusal) == (
        "unknown_appointment",
        "cancel_by_phone",
        "not_cancellable",
        "cancel_too_late",
    )
    assert tuple(PickupRefusal) == (
        "wrong_person",
        "wrong_hospital",
        "already_picked_up",
        "not_booked",
        "wrong_day",
        "pickup_too_late",
    )


def test_a_place_that_waits_for_a_draw_says_when_the_draw_is() -> None:
    [decision] = decide_batch(*_one(session(capacity=3, booked=1), held=2))
    assert decision == Refused(Refusal.BY_DRAW, retry_from=DRAW_AT)
    # A draw that is due now or overdue has no known end.
    for draw_at in (NOW, NOW - timedelta(hours=1), None):
        overdue = replace(session(capacity=3, booked=1), held=2, draw_at=draw_at)
        facts = BookingFacts({1: overdue}, {1: patient()})
        assert decide_batch(facts, [request()]) == [Refused(Refusal.BY_DRAW)]


@pytest.mark.parametrize(
    ("booked", "held", "reserved", "answer"),
    [
        (0, 2, 0, "booked"),  # a place is free besides those that wait
        (1, 2, 0, "by_draw"),
        (1, 1, 1, "by_draw"),
        (1, 0, 2, "sold_out"),
        (0, 0, 2, "booked"),
        (3, 0, 0, "sold_out"),
    ],
)
def test_only_free_places_are_booked(booked: int, held: int, reserved: int, answer: str) -> None:
    offered = session(capacity=3, booked=booked)
    [decision] = decide_batch(*_one(offered, held=held, reserved=reserved))
    assert word(decision) == answer


def test_a_batch_takes_no_place_that_waits_for_a_draw() -> None:
    offered = replace(session(capacity=3), held=1, draw_at=DRAW_AT)
    people = {n: patient(n, account=n) for n in (1, 2, 3)}
    requests = [request(1, n, key=str(n), actor=Actor("account", n)) for n in people]
    decisions = decide_batch(BookingFacts({1: offered}, people), requests)
    assert [word(decision) for decision in decisions] == ["booked", "booked", "by_draw"]


def _one(
    offered: SessionFacts, *, held: int = 0, reserved: int = 0
) -> tuple[BookingFacts, list[BookingRequest]]:
    draw_at = DRAW_AT if held else None
    offered = replace(offered, held=held, reserved=reserved, draw_at=draw_at)
    return BookingFacts({1: offered}, {1: patient()}), [request()]
