"""At a release each person books from their own moment on; everything else stays as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import (
    AGENT,
    OWNER,
    STRANGER,
    clock,
    day,
    moment,
    patient,
    release_key,
    request,
    session,
)

from guahao.rules.booking.booking import decide_batch
from guahao.rules.booking.personal_moment import LAST, opens_for
from guahao.rules.kernel.facts import (
    Actor,
    BookingFacts,
    CountedAppointment,
    PatientFacts,
    SessionFacts,
)
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Accepted, BeforeOwnMoment, Decision, Refusal, Refused

AT_SEVEN = HospitalRules(cycle_days=30, release_time=clock("07:00"))
RELEASE = moment("2026-03-02 07:00")
NEW = session(day("2026-04-01"), rules=AT_SEVEN)  # released on 2 March at 07:00
PERSONAL = Policy(personal_release=True)
MILLISECOND = timedelta(milliseconds=1)


def own_moment(person: bytes = patient().person, release: datetime = RELEASE) -> datetime:
    return opens_for(person, release, release_key(1, release.date()))


def asked(
    at: datetime,
    offered: SessionFacts = NEW,
    person: PatientFacts | None = None,
    *,
    actor: Actor = OWNER,
    policy: Policy = PERSONAL,
    with_key: bool = True,
) -> Decision:
    """The answer to a request for a session at a moment."""
    person = person or patient()
    key_of = release_key if with_key else None
    facts = BookingFacts({1: offered}, {1: person}, policy=policy, release_key=key_of)
    [decision] = decide_batch(facts, [request(at=at, actor=actor)])
    return decision


INDEXES = st.binary(min_size=32, max_size=32)


@given(st.integers(0, 9_999), INDEXES)
def test_within_ten_seconds_of_the_release_everybody_waits_for_their_moment(
    milliseconds: int, person: bytes
) -> None:
    at = RELEASE + timedelta(milliseconds=milliseconds)
    decision = asked(at, person=patient(person=person))
    assert decision == BeforeOwnMoment(retry_from=own_moment(person))


@given(INDEXES)
def test_a_millisecond_before_the_moment_is_too_soon_and_the_moment_is_not(person: bytes) -> None:
    opens = own_moment(person)
    too_soon = asked(opens - MILLISECOND, person=patient(person=person))
    assert too_soon == BeforeOwnMoment(retry_from=opens)
    assert asked(opens, person=patient(person=person)) == Accepted()


def test_before_the_release_only_the_release_is_told() -> None:
    """Or somebody with many accounts would know beforehand which of them comes early."""
    decision = asked(RELEASE - MILLISECOND)
    assert decision == Refused(Refusal.NOT_RELEASED, retry_from=RELEASE)
    assert not isinstance(decision, BeforeOwnMoment)


@pytest.mark.parametrize("times", [1, 100])
def test_a_hundred_requests_have_the_moment_of_one(times: int) -> None:
    facts = BookingFacts({1: NEW}, {1: patient()}, policy=PERSONAL, release_key=release_key)
    requests = [request(key=f"key-{n}", at=RELEASE) for n in range(times)]
    assert decide_batch(facts, requests) == [BeforeOwnMoment(retry_from=own_moment())] * times


def test_another_session_of_the_hospital_has_the_same_moment_and_another_patient_their_own() -> (
    None
):
    other = replace(NEW, id=2, department_id=7, title="副主任医师")
    child = patient(2)
    facts = BookingFacts(
        {1: NEW, 2: other}, {1: patient(1), 2: child}, {}, PERSONAL, release_key=release_key
    )
    requests = [
        request(1, 1, key="a", at=RELEASE),
        request(2, 1, key="b", at=RELEASE),
        request(1, 2, key="c", at=RELEASE),
    ]
    mine, childs = own_moment(), own_moment(child.person)
    assert mine != childs
    assert [decision.retry_from for decision in decide_batch(facts, requests)] == [  # type: ignore[union-attr]
        mine,
        mine,
        childs,
    ]


@given(st.integers(1, 2**62), st.integers(1, 2**62))
def test_no_account_and_no_new_registration_changes_the_persons_moment(
    account: int, number: int
) -> None:
    """Or a scalper would choose the account, or the registration, with the earliest moment."""
    moved = replace(patient(account=account), id=number)
    facts = BookingFacts({1: NEW}, {number: moved}, {}, PERSONAL, release_key=release_key)
    tried = request(1, number, at=RELEASE, actor=Actor("account", account))
    assert decide_batch(facts, [tried]) == [BeforeOwnMoment(retry_from=own_moment())]


@pytest.mark.parametrize("actor", [AGENT, Actor("staff", 99), Actor("hospital", 3)])
def test_an_agent_has_the_moment_of_the_caller(actor: Actor) -> None:
    assert asked(RELEASE, actor=actor) == BeforeOwnMoment(retry_from=own_moment())
    assert asked(own_moment(), actor=actor) == Accepted()


def test_a_person_without_an_account_has_the_same_moment_as_with_one() -> None:
    nobody = patient(1, account=None)
    opens = own_moment()
    assert asked(RELEASE, person=nobody, actor=AGENT) == BeforeOwnMoment(retry_from=opens)
    assert asked(opens, person=nobody, actor=AGENT) == Accepted()


def test_the_same_key_books_after_the_moment_in_one_batch_as_well() -> None:
    facts = BookingFacts({1: NEW}, {1: patient()}, policy=PERSONAL, release_key=release_key)
    too_soon, in_time = request(at=RELEASE), request(at=own_moment())
    assert decide_batch(facts, [too_soon, in_time]) == [
        BeforeOwnMoment(retry_from=own_moment()),
        Accepted(),
    ]


@pytest.mark.parametrize(
    ("policy", "with_key"),
    [(Policy(), True), (PERSONAL, False)],
    ids=["switched off", "a replay, without the key"],
)
def test_without_it_the_desk_is_as_before(policy: Policy, with_key: bool) -> None:
    assert asked(RELEASE, policy=policy, with_key=with_key) == Accepted()


@pytest.mark.parametrize(
    ("visit_date", "at"),
    [
        ("2026-03-31", "2026-03-02 07:00:01"),  # released the day before
        ("2026-03-04", "2026-03-02 07:00:01"),
        ("2026-04-01", "2026-03-02 07:00:31"),  # after the last moment
        ("2026-04-01", "2026-03-02 19:00:01"),
        ("2026-03-31", "2026-03-02 06:59:59"),
    ],
)
def test_nobody_waits_for_other_dates_or_at_other_times(visit_date: str, at: str) -> None:
    assert asked(moment(at), replace(NEW, visit_date=day(visit_date))) == Accepted()


def test_a_release_just_before_midnight_goes_on_after_it() -> None:
    late = replace(NEW, rules=replace(AT_SEVEN, release_time=clock("23:59:50")))
    release = moment("2026-03-02 23:59:50")
    opens = own_moment(release=release)
    assert opens.date() == day("2026-03-03")
    assert asked(opens - MILLISECOND, late) == BeforeOwnMoment(retry_from=opens)
    assert asked(opens, late) == Accepted()


def test_the_last_person_waits_for_their_moment_after_midnight_as_well() -> None:
    late = replace(NEW, rules=replace(AT_SEVEN, release_time=clock("23:59:45")))
    release = moment("2026-03-02 23:59:45")
    latest = release + timedelta(seconds=29.6)
    persons = (f"person {n}".encode() for n in range(10**4))
    person = next(person for person in persons if own_moment(person, release) > latest)
    at = release + timedelta(seconds=29.5)
    decision = asked(at, late, patient(person=person))
    assert decision == BeforeOwnMoment(retry_from=own_moment(person, release))


def test_all_have_had_their_moment_a_millisecond_after_half_a_minute() -> None:
    assert timedelta(seconds=30, milliseconds=1) == LAST


def test_nobody_is_sent_to_a_moment_after_the_stop_time() -> None:
    rules = HospitalRules(
        cycle_days=1, release_time=clock("14:59:45"), next_day_stop_time=clock("15:00")
    )
    tomorrow = session(day("2026-03-03"), rules=rules)
    assert asked(moment("2026-03-02 14:59:46"), tomorrow) == Accepted()


EVERYTHING_AGAINST = replace(
    patient(suspended_until=day("2026-12-31"), counted=[CountedAppointment(NEW.visit_date, 1, 1)]),
    account_restricted_until=day("2026-12-31"),
    document_ends_on=day("2026-03-15"),
    is_checked=False,
)


@pytest.mark.parametrize(
    ("offered", "person", "actor", "expected"),
    [
        # What precedes not_released answers first.
        (replace(NEW, stopped=True), patient(), OWNER, Refusal.SESSION_STOPPED),
        (NEW, patient(), STRANGER, Refusal.NOT_YOUR_PATIENT),
        (replace(NEW, visit_date=day("2026-03-02")), patient(), OWNER, Refusal.SAME_DAY),
        (replace(NEW, visit_date=day("2026-04-02")), patient(), OWNER, Refusal.BEYOND_HORIZON),
        # The own moment precedes all that follows, so that it tells nobody what is left.
        (NEW, EVERYTHING_AGAINST, OWNER, Refusal.NOT_RELEASED),
        (replace(NEW, booked=20), patient(), OWNER, Refusal.NOT_RELEASED),
    ],
)
def test_the_own_moment_stands_where_not_released_stands(
    offered: SessionFacts, person: PatientFacts, actor: Actor, expected: Refusal
) -> None:
    decision = asked(RELEASE + timedelta(seconds=1), offered, person, actor=actor)
    assert isinstance(decision, Refused)
    assert decision.reason is expected
    assert isinstance(decision, BeforeOwnMoment) == (expected is Refusal.NOT_RELEASED)
