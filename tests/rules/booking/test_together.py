"""Two patients in one request: both or neither, each by the rules of the desk (Together)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from tests.rules.helpers import (
    AGENT,
    NOW,
    OWNER,
    SOON,
    clock,
    day,
    elsewhere,
    moment,
    patient,
    release_key,
    request,
    session,
)
from tests.rules.strategies import World, worlds

from guahao.rules.booking.booking import decide_batch
from guahao.rules.booking.personal_moment import opens_for
from guahao.rules.booking.together import (
    Companion,
    Pair,
    PairDecision,
    PairFault,
    PairRefused,
    PairRepeated,
    companion_key,
    decide_pair,
    pair_refused_before,
)
from guahao.rules.kernel.facts import BookingFacts, EarlierUse, PatientFacts, SessionFacts
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import (
    Accepted,
    BeforeOwnMoment,
    Decision,
    KeyMismatch,
    Refusal,
    Refused,
)

SUSPENDED = SOON + timedelta(days=60)


def pair_of(first: int = 1, second: int = 2, sessions: tuple[int, int] = (1, 1)) -> Pair:
    """Two requests under one key."""
    one, other = request(sessions[0], first), request(sessions[1], second, key=companion_key("key"))
    return replace(one, together_with=second), replace(other, together_with=first)


def facts_of(
    *sessions: SessionFacts, patients: tuple[PatientFacts, ...] = (patient(1), patient(2))
) -> BookingFacts:
    return BookingFacts({s.id: s for s in sessions}, {p.id: p for p in patients})


def together(
    *sessions: SessionFacts, patients: tuple[PatientFacts, ...] = (patient(1), patient(2))
) -> PairDecision:
    ids = [one.id for one in sessions]
    return decide_pair(facts_of(*sessions, patients=patients), pair_of(sessions=(ids[0], ids[-1])))


def test_two_places_are_enough_for_two() -> None:
    assert together(session(capacity=2)) == Accepted()


def test_one_place_is_sold_out_for_both() -> None:
    refused = together(session(capacity=1))
    assert refused == PairRefused(Refused(Refusal.SOLD_OUT), (1, 2))


def test_of_two_sessions_the_full_one_is_named_by_its_patient() -> None:
    refused = together(session(number=1), session(number=2, capacity=0))
    assert refused == PairRefused(Refused(Refusal.SOLD_OUT), (2,))


def test_places_kept_for_a_draw_and_for_others_are_not_for_two() -> None:
    held = replace(session(capacity=3), held=2, draw_at=NOW + timedelta(hours=1))
    refused = Refused(Refusal.BY_DRAW, retry_from=held.draw_at)
    assert together(held) == PairRefused(refused, (1, 2))
    busy = [patient(id, counted=elsewhere(*[SOON] * 2)) for id in (1, 2)]
    assert together(held, patients=(busy[0], busy[1])) == PairRefused(refused, (1, 2))
    reserved = replace(session(capacity=3), reserved=2)
    assert together(reserved) == PairRefused(Refused(Refusal.SOLD_OUT), (1, 2))


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (patient(2, suspended_until=SUSPENDED), Refusal.PATIENT_SUSPENDED),
        (replace(patient(2), is_checked=False), Refusal.PERSON_UNCHECKED),
        (replace(patient(2), document_ends_on=SOON), Refusal.DOCUMENT_ENDED),
        (patient(2, counted=elsewhere(*[SOON] * 2)), Refusal.DAY_LIMIT),
        (patient(2, counted=elsewhere(*[SOON - timedelta(days=1)] * 3)), Refusal.SEVEN_DAY_LIMIT),
        (patient(2, account=99), Refusal.NOT_YOUR_PATIENT),
    ],
)
@pytest.mark.parametrize("is_first", [False, True])
def test_a_refusal_names_the_patient_it_is_about(
    second: PatientFacts, reason: Refusal, is_first: bool
) -> None:
    rules = HospitalRules(checked_only=reason is Refusal.PERSON_UNCHECKED)
    facts = facts_of(session(rules=rules), patients=(patient(1), second))
    wanted = pair_of(2, 1) if is_first else pair_of(1, 2)
    decision = decide_pair(facts, wanted)
    assert isinstance(decision, PairRefused)
    assert (decision.refused.reason, decision.patient_ids) == (reason, (2,))


def test_the_first_reason_in_the_order_is_the_answer_whoever_comes_first() -> None:
    limited = patient(1, counted=elsewhere(*[SOON] * 2))
    suspended = patient(2, suspended_until=SUSPENDED)
    facts = facts_of(session(), patients=(limited, suspended))
    for wanted in (pair_of(1, 2), pair_of(2, 1)):
        decision = decide_pair(facts, wanted)
        assert isinstance(decision, PairRefused)
        assert decision.refused.reason is Refusal.PATIENT_SUSPENDED
        assert decision.patient_ids == (2,)


def test_a_date_is_named_only_where_it_holds_for_both() -> None:
    later = SOON + timedelta(days=1)
    one, same = (patient(n, counted=elsewhere(SOON, SOON)) for n in (1, 2))
    other = patient(2, counted=elsewhere(SOON, SOON, later, later))
    for second, visit_from in ((same, later), (other, None)):
        decision = together(session(), patients=(one, second))
        refused = Refused(Refusal.DAY_LIMIT, visit_from=visit_from)
        assert decision == PairRefused(refused, (1, 2))


def test_a_patient_is_not_booked_with_themselves() -> None:
    assert decide_pair(facts_of(session()), pair_of(1, 1)) == Refused(PairFault.SAME_PATIENT)


@pytest.mark.parametrize(
    "other", [session(number=2, department=2), session(SOON + timedelta(days=1), number=2)]
)
def test_two_sessions_are_of_one_department_and_day(other: SessionFacts) -> None:
    assert together(session(), other) == Refused(PairFault.OTHER_CLINIC)


def test_an_unknown_session_comes_before_the_comparison() -> None:
    refused = decide_pair(facts_of(session()), pair_of(sessions=(1, 9)))
    assert refused == PairRefused(Refused(Refusal.UNKNOWN_SESSION), (2,))


def test_a_pair_waits_for_the_later_moment_of_the_two() -> None:
    """Each person has a moment of their own; before both nothing is stored under the key."""
    rules = HospitalRules(cycle_days=30, release_time=clock("07:00"))
    facts = replace(
        facts_of(session(day("2026-04-01"), rules=rules)),
        policy=Policy(personal_release=True),
        release_key=release_key,
    )
    release = moment("2026-03-02 07:00")
    key = release_key(1, release.date())
    opens = {id: opens_for(facts.patients[id].person, release, key) for id in (1, 2)}
    last = max(opens, key=opens.__getitem__)

    def decide_at(at: datetime) -> PairDecision:
        one, other = pair_of()
        return decide_pair(facts, (replace(one, at=at), replace(other, at=at)))

    refused = BeforeOwnMoment(retry_from=opens[last])
    assert decide_at(release) == PairRefused(refused, (1, 2))
    assert decide_at(min(opens.values())) == PairRefused(refused, (last,))
    assert decide_at(opens[last]) == Accepted()


# Keys ---------------------------------------------------------------------------------------


def used(*uses: EarlierUse) -> BookingFacts:
    keys = ("key", companion_key("key"))
    earlier = {(OWNER.kind, OWNER.id, key): use for key, use in zip(keys, uses, strict=False)}
    return replace(facts_of(session(capacity=0)), earlier=earlier)


BOOKED = (
    EarlierUse(1, 1, "booked", 7, together_with=2),
    EarlierUse(2, 1, "booked", 8, together_with=1),
)


def test_the_same_key_and_body_give_the_earlier_answer() -> None:
    assert decide_pair(used(*BOOKED), pair_of()) == PairRepeated(BOOKED)


@pytest.mark.parametrize("other", [pair_of(2, 1), pair_of(1, 3), pair_of(sessions=(1, 2))])
def test_another_body_under_the_key_is_refused(other: Pair) -> None:
    assert decide_pair(used(*BOOKED), other) == KeyMismatch()


def test_a_key_of_one_booking_is_not_for_two_and_the_other_way_round() -> None:
    alone = EarlierUse(1, 1, "booked", 7)
    assert decide_pair(used(alone), pair_of()) == KeyMismatch()
    [decision] = decide_batch(used(*BOOKED), [request()])
    assert decision == KeyMismatch()


def test_a_stored_refusal_names_its_patient_again() -> None:
    uses = (
        EarlierUse(1, 1, Companion.REFUSED, together_with=2),
        EarlierUse(2, 1, "patient_suspended", retry_from=NOW, together_with=1),
    )
    refused = Refused(Refusal.PATIENT_SUSPENDED, retry_from=NOW)
    assert pair_refused_before(pair_of(), uses) == PairRefused(refused, (2,))


def test_no_caller_can_choose_the_second_key() -> None:
    for key in ("k", "x" * 64):
        second = companion_key(key)
        assert len(second) == 34  # a key has 64 characters at most
        assert " " in second  # keys of callers are visible characters


def free_places(one: SessionFacts) -> int:
    return one.capacity - one.booked - one.held - one.reserved


# Whatever is asked --------------------------------------------------------------------------


@given(worlds(), st.data())
def test_a_pair_is_booked_exactly_where_two_would_be_one_after_the_other(
    world: World, data: st.DataObject
) -> None:
    assume(len(world.patients) > 1)
    facts = replace(world.ledger().facts(), earlier={})
    at = world.requests[0].at
    actor = data.draw(st.sampled_from([OWNER, AGENT]))
    session_ids = st.sampled_from(sorted(facts.sessions))
    first, second = data.draw(st.permutations([p.id for p in world.patients]))[:2]
    wanted = pair_of(first, second, (data.draw(session_ids), data.draw(session_ids)))
    pair = (replace(wanted[0], actor=actor, at=at), replace(wanted[1], actor=actor, at=at))
    decision = decide_pair(facts, pair)
    alone = [replace(one, together_with=None) for one in pair]
    after = decide_batch(facts, alone)
    before = decide_batch(facts, alone[::-1])
    event(type(decision).__name__)
    if decision == Refused(PairFault.OTHER_CLINIC):
        one, other = (facts.sessions[wanted.session_id] for wanted in pair)
        assert (one.department_id, one.visit_date) != (other.department_id, other.visit_date)
        return
    both = [Accepted(), Accepted()]
    assert (decision == Accepted()) == (after == both) == (before == both)
    if isinstance(decision, PairRefused):
        answers: list[Decision] = [*after, *before]
        reasons = [answer.reason for answer in answers if isinstance(answer, Refused)]
        # One free place is too few for two, also where each alone is refused for something else.
        sessions = [facts.sessions[request.session_id] for request in pair]
        if sessions[0] is sessions[1] and sessions[0].held and free_places(sessions[0]) == 1:
            reasons.append(Refusal.BY_DRAW)
        order = list(Refusal)
        assert decision.refused.reason is min(reasons, key=order.index)
