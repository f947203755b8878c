"""Recorded requests decided again: as the desk would have, request by request."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import event, given
from tests.rules.helpers import NOW, OWNER, SOON, request, session
from tests.rules.strategies import World as Drawn
from tests.rules.strategies import worlds

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import (
    BookingFacts,
    BookingRequest,
    CountedAppointment,
    SessionFacts,
)
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.policy.trying import (
    BOOKED,
    AppointmentHistory,
    PolicyComparison,
    Recorded,
    TrialTally,
    TriedSession,
    World,
    answers,
    compare,
)

DRAWN, FIRST_COME = Policy(draw_returned_places=True), Policy(draw_returned_places=False)


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
    histories = [
        AppointmentHistory(1000 * patient.id + n, patient.id, 0, place, long_ago)
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
            histories,
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
            AppointmentHistory(7, 1, facts.id, place, nine, freed_at=ten + timedelta(minutes=5)),
            AppointmentHistory(8, 2, facts.id, place, eleven),
        ],
        {facts.hospital_id: [(date.min, facts.rules)]},
    )
    found = [word for group in answers(world, DatedPolicies(FIRST_COME)) for word in group]
    assert found == [BOOKED, "sold_out", BOOKED]


# Each condition by itself: a session, a patient and a request an hour after another -------------

NINE, TEN, ELEVEN = (NOW.replace(hour=hour) for hour in (9, 10, 11))
PLACE = CountedAppointment(SOON, 1, 1)


def world(*asked: BookingRequest, **facts: object) -> World:
    """A world of a session and a patient, in which all these requests were booked."""
    known = {
        "sessions": {1: TriedSession(session(), None)},
        "accounts": {1: OWNER.id, 2: OWNER.id},
        "histories": [],
        "rules": {1: [(date.min, HospitalRules())]},
    }
    recorded = [Recorded(one, BOOKED, None) for one in asked]
    return World(recorded, **known | facts)  # type: ignore[arg-type]


def tried(world: World, policy: Policy | None = None) -> list[str]:
    found = answers(world, DatedPolicies(policy or Policy()))
    return [word for group in found for word in group]


def at(moment: datetime, session_id: int = 1, patient_id: int = 1) -> BookingRequest:
    return request(session_id, patient_id, key=f"{moment}{session_id}", at=moment)


@pytest.mark.parametrize(
    ("stopped_at", "word"),
    [
        (None, BOOKED),
        (TEN, "session_stopped"),
        (TEN + timedelta(microseconds=1), BOOKED),
        (NINE, "session_stopped"),
    ],
)
def test_a_session_is_stopped_from_its_moment_on(stopped_at: datetime | None, word: str) -> None:
    stopped = {1: TriedSession(session(), stopped_at)}
    assert tried(world(at(TEN), sessions=stopped)) == [word]


@pytest.mark.parametrize(
    ("begins", "word"),
    [
        (NOW.date() - timedelta(days=1), "beyond_horizon"),
        (NOW.date(), "beyond_horizon"),
        (NOW.date() + timedelta(days=1), BOOKED),
    ],
)
def test_the_rules_of_the_day_decide(begins: date, word: str) -> None:
    rules = {
        1: [
            (date.min, HospitalRules(cycle_days=1)),
            (date(2026, 1, 1), HospitalRules()),
            (begins, HospitalRules(cycle_days=1)),
        ]
    }
    assert tried(world(at(TEN), rules=rules)) == [word]


@pytest.mark.parametrize(
    ("checked_at", "word"),
    [
        (TEN, BOOKED),
        (TEN + timedelta(microseconds=1), "person_unchecked"),
        (None, "person_unchecked"),
    ],
)
def test_a_person_is_checked_from_the_moment_on(checked_at: datetime | None, word: str) -> None:
    histories = [AppointmentHistory(7, 1, 9, replace(PLACE, department_id=5), NINE)]
    checked = {} if checked_at is None else {1: checked_at}
    facts = world(at(TEN), histories=histories, checked_at=checked, checks_names=True)
    assert tried(facts) == [word]
    assert tried(replace(facts, checks_names=False)) == [BOOKED]


@pytest.mark.parametrize(
    ("visit_date", "word"),
    [(NOW.date() - timedelta(days=1), BOOKED), (NOW.date(), "person_unchecked")],
)
def test_a_booking_is_live_until_its_visit_date_is_over(visit_date: date, word: str) -> None:
    long_ago = NINE - timedelta(days=30)
    histories = [AppointmentHistory(7, 1, 9, CountedAppointment(visit_date, 5, 5), long_ago)]
    assert tried(world(at(TEN), histories=histories, checks_names=True)) == [word]


@pytest.mark.parametrize(
    ("made_at", "freed_at", "word"),
    [
        (NINE, None, "duplicate_department"),
        (TEN, None, "duplicate_department"),
        (ELEVEN, None, BOOKED),
        (NINE, TEN, BOOKED),
        (NINE, ELEVEN, "duplicate_department"),
    ],
)
def test_a_booking_counts_from_its_making_until_it_is_freed(
    made_at: datetime, freed_at: datetime | None, word: str
) -> None:
    histories = [AppointmentHistory(7, 1, 1, PLACE, made_at, freed_at=freed_at)]
    assert tried(world(at(TEN), histories=histories)) == [word]


def test_a_freed_place_can_be_booked_once() -> None:
    full = {1: TriedSession(session(capacity=2), None)}
    histories = [
        AppointmentHistory(7, 8, 1, PLACE, NINE, freed_at=TEN),
        AppointmentHistory(8, 9, 1, PLACE, NINE),
    ]
    facts = world(at(TEN), at(ELEVEN, patient_id=2), sessions=full, histories=histories)
    assert tried(facts, FIRST_COME) == [BOOKED, "sold_out"]


@pytest.mark.parametrize(
    ("missed_at", "excused_at", "word"),
    [
        (NINE, None, "patient_suspended"),
        (TEN, None, "patient_suspended"),
        (ELEVEN, None, BOOKED),
        (NINE, TEN, BOOKED),
        (NINE, ELEVEN, "patient_suspended"),
    ],
)
def test_a_no_show_counts_from_the_moment_it_is_known_until_it_is_excused(
    missed_at: datetime, excused_at: datetime | None, word: str
) -> None:
    missed = CountedAppointment(NOW.date() - timedelta(days=1), 5, 5)
    made_at = NINE - timedelta(days=30)
    histories = [AppointmentHistory(7, 1, 9, missed, made_at, None, missed_at, excused_at)]
    policy = Policy(first_suspension_no_shows=1)
    assert tried(world(at(TEN), histories=histories), policy) == [word]


def test_what_was_refused_in_truth_stays_where_it_is_booked_here() -> None:
    facts = world(at(NINE), at(TEN), at(ELEVEN, patient_id=2))
    full = {1: TriedSession(session(capacity=2), None)}
    assert tried(replace(facts, sessions=full)) == [BOOKED, "duplicate_department", BOOKED]


def test_two_bookings_that_were_refused_in_truth_are_two() -> None:
    three = {n: TriedSession(session(number=n, department=n), None) for n in (1, 2, 3)}
    facts = world(at(NINE, 1), at(TEN, 2), at(ELEVEN, 3), sessions=three)
    assert tried(facts) == [BOOKED, BOOKED, "day_limit"]


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_booking_that_was_refused_in_truth_is_none_that_was_made(others: int) -> None:
    sessions = {n: TriedSession(session(number=n, department=n), None) for n in (1, 2, 3)}
    own = AppointmentHistory(1, 1, 2, replace(PLACE, department_id=2), TEN)
    elsewhere = [
        AppointmentHistory(90 + n, 9, 9, replace(PLACE, department_id=9), NINE)
        for n in range(others)
    ]
    facts = world(sessions=sessions, histories=[own, *elsewhere])
    asked = [
        Recorded(at(NINE, 1), "sold_out", None),
        Recorded(at(TEN, 2), BOOKED, own.id),
        Recorded(at(ELEVEN, 3), BOOKED, None),
    ]
    assert tried(replace(facts, requests=asked)) == [BOOKED, BOOKED, "day_limit"]


def test_a_request_for_what_nobody_knows_is_refused() -> None:
    assert tried(world(at(NINE, session_id=5), at(TEN, patient_id=5))) == [
        "unknown_session",
        "not_your_patient",
    ]


def test_every_request_is_counted_where_it_belongs() -> None:
    tomorrow = NINE + timedelta(days=1)
    asked = [at(NINE), at(TEN, 2, 2), at(ELEVEN, 5), at(tomorrow), at(tomorrow, 2, 2)]
    facts = world(
        *asked,
        sessions={n: TriedSession(session(number=n, hospital=n), None) for n in (1, 2)},
    )
    words = [BOOKED, "sold_out", "sold_out", BOOKED, "day_limit"]
    recorded = [Recorded(one, word, None) for one, word in zip(asked, words, strict=True)]
    facts = replace(facts, requests=recorded)
    reproduced = [BOOKED, "day_limit", "day_limit", BOOKED, "sold_out"]
    now = [BOOKED, "sold_out", "day_limit", BOOKED, BOOKED]
    then = ["sold_out", BOOKED, "same_day", BOOKED, BOOKED]
    compared = compare(facts, reproduced, now, then)
    assert compared == PolicyComparison(
        requests=5,
        persons=2,
        all=TrialTally(5, 3, 3, 1, 1),
        outcomes={
            BOOKED: (2, 3, 3),
            "sold_out": (2, 1, 1),
            "day_limit": (1, 1, 0),
            "same_day": (0, 0, 1),
        },
        other_reason=1,
        gained_persons=1,
        lost_persons=1,
        by_day={
            NINE.date(): TrialTally(3, 1, 1, 1, 1),
            tomorrow.date(): TrialTally(2, 2, 2, 0, 0),
        },
        by_hospital={1: TrialTally(2, 2, 1, 0, 1), 2: TrialTally(2, 1, 2, 1, 0)},
        agreeing=2,
        disagreements=[("sold_out", "day_limit", 2), ("day_limit", "sold_out", 1)],
    )
    assert list(compared.outcomes) == [BOOKED, "sold_out", "day_limit", "same_day"]


def test_an_answer_that_was_given_under_one_policy_alone_is_counted_as_well() -> None:
    facts = world(at(NINE), at(TEN))
    facts = replace(facts, requests=[replace(one, outcome="sold_out") for one in facts.requests])
    compared = compare(facts, ["sold_out"] * 2, ["day_limit"] * 2, ["same_day"] * 2)
    assert compared.outcomes == {
        BOOKED: (0, 0, 0),
        "sold_out": (2, 0, 0),
        "day_limit": (0, 2, 0),
        "same_day": (0, 0, 2),
    }


@pytest.mark.parametrize("short", [0, 1, 2])
def test_answers_that_do_not_belong_to_the_requests_are_no_comparison(short: int) -> None:
    words = [[BOOKED], [BOOKED], [BOOKED]]
    words[short] = []
    with pytest.raises(ValueError, match="argument"):
        compare(world(at(NINE)), *words)


# Draws ------------------------------------------------------------------------------------

FULL = session(number=1, department=1, capacity=1)


def with_a_cancelled_place(
    *asked_at: datetime,
    won_at: datetime | None = None,
    offered: SessionFacts = FULL,
    bookings: int = 1,
) -> World:
    """A session whose bookings, usually one that fills it, are cancelled at nine; others ask."""
    nine = NOW.replace(hour=9, minute=0)
    place = CountedAppointment(FULL.visit_date, FULL.hospital_id, FULL.department_id)
    histories = [
        AppointmentHistory(10 + n, 910 + n, FULL.id, place, nine - timedelta(days=1), freed_at=nine)
        for n in range(bookings)
    ]
    if won_at is not None:
        histories.append(AppointmentHistory(2, 902, FULL.id, place, won_at))
    return World(
        [Recorded(request(1, key=str(n), at=at), "by_draw", None) for n, at in enumerate(asked_at)],
        {1: TriedSession(offered, None)},
        {1: OWNER.id},
        histories,
        {1: [(date.min, HospitalRules())]},
    )


def test_a_place_that_comes_back_waits_for_its_draw() -> None:
    half_past_nine = NOW.replace(hour=9, minute=30)
    world = with_a_cancelled_place(half_past_nine)
    assert tried(world, DRAWN) == ["by_draw"]
    assert tried(world, FIRST_COME) == [BOOKED]


def test_who_won_it_in_truth_has_it_after_the_draw() -> None:
    ten = NOW.replace(hour=10, minute=0)
    world = with_a_cancelled_place(ten + timedelta(hours=1), won_at=ten + timedelta(seconds=1))
    assert tried(world, DRAWN) == ["sold_out"]


def test_a_place_of_a_session_that_was_not_full_is_free_at_once() -> None:
    asked = NOW.replace(hour=9, minute=30)
    world = with_a_cancelled_place(asked, offered=replace(FULL, capacity=2))
    assert tried(world, DRAWN) == [BOOKED]


def test_each_place_of_a_full_session_waits_for_its_draw() -> None:
    asked = NOW.replace(hour=9, minute=30)
    world = with_a_cancelled_place(asked, offered=replace(FULL, capacity=2), bookings=2)
    assert tried(world, DRAWN) == ["by_draw"]


def test_a_place_that_was_won_waits_no_more() -> None:
    ten = NOW.replace(hour=10, minute=0)
    world = with_a_cancelled_place(ten + timedelta(minutes=1), won_at=ten + timedelta(seconds=1))
    assert tried(world, DRAWN) == ["sold_out"]


def test_what_nobody_won_is_free_after_the_draw() -> None:
    ten = NOW.replace(hour=10, minute=0)
    asked = (ten, ten + timedelta(minutes=4), ten + timedelta(minutes=5))
    assert tried(with_a_cancelled_place(*asked), DRAWN) == ["by_draw", "by_draw", BOOKED]
