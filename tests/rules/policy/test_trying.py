"""Recorded requests decided again: as the desk would have, request by request."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import event, given
from tests.rules.helpers import NOW, OWNER, SOON, request, session
from tests.rules.strategies import World as Drawn
from tests.rules.strategies import worlds

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import BookingFacts, CountedAppointment
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.policy.trying import BOOKED, Life, Recorded, TriedSession, World, answers, compare


def recorded(drawn: Drawn) -> tuple[World, list[str]]:
    """The drawn world as records tell of it, with what the desk answered each request."""
    requests = sorted(
        (replace(one, key=str(n)) for n, one in enumerate(drawn.requests)), key=lambda one: one.at
    )
    long_ago = min(one.at for one in requests) - timedelta(days=200)
    sessions = {one.id: replace(one, booked=0) for one in drawn.sessions}
    patients = {one.id: replace(one, suspended_until=None) for one in drawn.patients}
    facts = BookingFacts(sessions, patients, policy=drawn.policy)
    words = [
        one.reason.value if isinstance(one, Refused) else BOOKED
        for one in decide_batch(facts, requests)
    ]
    lives = [
        Life(1000 * patient.id + n, patient.id, 0, place, long_ago)
        for patient in drawn.patients
        for n, place in enumerate(patient.counted)
    ]
    return (
        World(
            [Recorded(one, word, None) for one, word in zip(requests, words, strict=True)],
            {
                one.id: TriedSession(
                    one,
                    long_ago if one.stopped else None,
                )
                for one in sessions.values()
            },
            {one.id: one.account_id for one in drawn.patients},
            lives,
            {one.hospital_id: [(date.min, one.rules)] for one in sessions.values()},
            {one.id: long_ago for one in drawn.patients if one.is_checked},
        ),
        words,
    )


def with_one_set_of_rules(drawn: Drawn) -> Drawn:
    """A hospital has one set of rules, whichever of its sessions is asked for."""
    rules = {one.hospital_id: one.rules for one in drawn.sessions}
    return replace(
        drawn, sessions=tuple(replace(one, rules=rules[one.hospital_id]) for one in drawn.sessions)
    )


@given(worlds())
def test_under_its_own_policy_every_answer_comes_again(drawn: Drawn) -> None:
    world, words = recorded(with_one_set_of_rules(drawn))
    event(f"{len(set(words))} different answers")
    again = [word for group in answers(world, DatedPolicies(drawn.policy)) for word in group]
    assert again == words
    compared = compare(world, again, again, again)
    assert (compared.agreeing, compared.disagreements) == (len(words), [])


@given(worlds(), worlds())
def test_what_is_compared_adds_up(drawn: Drawn, other: Drawn) -> None:
    world, words = recorded(with_one_set_of_rules(drawn))
    then = [word for group in answers(world, DatedPolicies(other.policy)) for word in group]
    compared = compare(world, words, words, then)
    booked = compared.outcomes[BOOKED]
    assert booked == (words.count(BOOKED), words.count(BOOKED), then.count(BOOKED))
    assert compared.all.gained - compared.all.lost == booked[2] - booked[1]
    assert sum(counts[2] for counts in compared.outcomes.values()) == len(words)
    assert sum(tally.lost for tally in compared.by_day.values()) == compared.all.lost
    assert compared.gained_persons <= compared.all.gained
    assert Counter(then) == Counter({word: counts[2] for word, counts in compared.outcomes.items()})


def test_unchecked_persons_are_tried_by_the_proposed_policy() -> None:
    sessions = {n: session(number=n, department=n) for n in (1, 2, 3)}
    first, second, third = (NOW.replace(hour=hour) for hour in (9, 10, 11))
    world = World(
        [
            Recorded(request(1, key="a", at=first), BOOKED, None),
            Recorded(request(2, key="b", at=second), "person_unchecked", None),
            Recorded(request(3, key="c", at=third), BOOKED, None),
        ],
        {
            1: TriedSession(sessions[1], None),
            2: TriedSession(replace(sessions[2], visit_date=SOON + timedelta(days=1)), None),
            3: TriedSession(replace(sessions[3], visit_date=SOON + timedelta(days=9)), None),
        },
        {1: OWNER.id},
        [],
        {1: [(date.min, HospitalRules())]},
        {1: third},  # checked between the second request and the third
        checks_names=True,
    )
    one, two = Policy(), Policy(unchecked_live_bookings=2)
    assert [word for group in answers(world, DatedPolicies(one)) for word in group] == [
        BOOKED,
        "person_unchecked",
        BOOKED,
    ]
    assert [word for group in answers(world, DatedPolicies(two)) for word in group] == [BOOKED] * 3


def test_a_cancelled_place_is_free_for_whoever_asks_later() -> None:
    facts = session(capacity=1)
    nine, ten, eleven = (NOW.replace(hour=hour) for hour in (9, 10, 11))
    place = CountedAppointment(facts.visit_date, facts.hospital_id, facts.department_id)
    world = World(
        [
            Recorded(request(key="a", at=nine), BOOKED, 7),
            Recorded(request(patient_id=2, key="b", at=ten), "sold_out", None),
            Recorded(request(patient_id=2, key="c", at=eleven), BOOKED, 8),
        ],
        {facts.id: TriedSession(facts, None)},
        {1: OWNER.id, 2: OWNER.id},
        [
            Life(7, 1, facts.id, place, nine, freed_at=ten + timedelta(minutes=5)),
            Life(8, 2, facts.id, place, eleven),
        ],
        {facts.hospital_id: [(date.min, facts.rules)]},
    )
    found = [word for group in answers(world, DatedPolicies(Policy())) for word in group]
    assert found == [BOOKED, "sold_out", BOOKED]
