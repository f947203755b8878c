"""What a request of a batch takes is gone for those after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import SOON, elsewhere, patient, request, session, word

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import BookingFacts, BookingRequest, PatientFacts, SessionFacts


def words(
    sessions: list[SessionFacts],
    patients: list[PatientFacts],
    requests: list[BookingRequest],
    *,
    checks_names: bool = False,
) -> list[str]:
    facts = BookingFacts(
        {known.id: known for known in sessions},
        {person.id: person for person in patients},
        checks_names=checks_names,
    )
    return [word(decision) for decision in decide_batch(facts, requests)]


def of_each(*patients: int) -> list[BookingRequest]:
    return [request(patient_id=number, key=f"key {number}") for number in patients]


@pytest.mark.parametrize(
    ("booked", "answers"),
    [
        (17, ["booked", "booked", "booked"]),
        (18, ["booked", "booked", "sold_out"]),
        (19, ["booked", "sold_out", "sold_out"]),
        (20, ["sold_out", "sold_out", "sold_out"]),
    ],
)
def test_a_place_is_given_out_once(booked: int, answers: list[str]) -> None:
    people = [patient(number) for number in (1, 2, 3)]
    assert words([session(booked=booked)], people, of_each(1, 2, 3)) == answers


def test_a_refused_request_takes_no_place() -> None:
    stranger, owned = patient(1, account=9), patient(2)
    answers = words([session(booked=19)], [stranger, owned], of_each(1, 2))
    assert answers == ["not_your_patient", "booked"]


def test_what_a_person_was_given_counts_against_their_limits() -> None:
    sessions = [session(number=number, department=number) for number in (1, 2, 3)]
    asked = [request(number, key=f"key {number}") for number in (1, 2, 3)]
    assert words(sessions, [patient()], asked) == ["booked", "booked", "day_limit"]
    again = [*asked[:1], request(1, key="again")]
    assert words(sessions, [patient()], again) == ["booked", "duplicate_department"]


def test_what_an_unchecked_person_was_given_is_a_live_booking() -> None:
    later = SOON + timedelta(days=1)
    sessions = [session(), session(later, 2)]
    asked = [request(1, key="a"), request(2, key="b")]
    unchecked = replace(patient(), is_checked=False)
    answers = words(sessions, [unchecked], asked, checks_names=True)
    assert answers == ["booked", "person_unchecked"]
    assert words(sessions, [unchecked], asked) == ["booked", "booked"]


def test_a_booking_that_is_over_is_no_live_one() -> None:
    person = replace(patient(counted=elsewhere(SOON)), is_checked=False)
    assert words([session()], [person], [request()], checks_names=True) == ["booked"]
