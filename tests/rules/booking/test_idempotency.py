"""Twice the same request: one answer, no second booking; another body is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import AGENT, NOW, OWNER, STRANGER, patient, request, session

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, EarlierUse
from guahao.rules.kernel.outcomes import (
    Accepted,
    Decision,
    KeyMismatch,
    Refusal,
    Refused,
    Repeated,
    RepeatedInBatch,
)

FACTS = BookingFacts(
    sessions={1: session(number=1), 2: session(number=2, department=2), 3: session(capacity=0)},
    patients={1: patient(1), 2: patient(2)},
)
BOOKED = EarlierUse(1, 1, "booked", appointment_id=7)
SOLD_OUT = EarlierUse(1, 1, "sold_out")


def used(use: EarlierUse) -> BookingFacts:
    """The same, after the owner's key was used."""
    return replace(FACTS, earlier={(OWNER.kind, OWNER.id, "key"): use})


@pytest.mark.parametrize("use", [BOOKED, SOLD_OUT], ids=["booked", "refused"])
@pytest.mark.parametrize(
    "again",
    [request(), request(at=NOW + timedelta(days=400)), replace(request(), channel="phone")],
    ids=["at once", "a year later", "by another channel"],
)
def test_the_earlier_answer_stands(use: EarlierUse, again: BookingRequest) -> None:
    assert decide_batch(used(use), [again]) == [Repeated(use)]


@pytest.mark.parametrize("use", [BOOKED, SOLD_OUT], ids=["booked", "refused"])
@pytest.mark.parametrize(
    "other",
    [request(session_id=2), request(patient_id=2), request(session_id=99), request(patient_id=99)],
)
def test_another_body_is_refused(use: EarlierUse, other: BookingRequest) -> None:
    assert decide_batch(used(use), [other]) == [KeyMismatch()]


@pytest.mark.parametrize(
    "other",
    [
        request(key="Key"),
        request(key="key "),
        request(actor=AGENT),  # number 1, too, but of the staff
        request(actor=Actor("hospital", 1)),
    ],
)
def test_a_key_belongs_to_its_actor(other: BookingRequest) -> None:
    assert decide_batch(used(BOOKED), [other]) == [Accepted()]
    assert decide_batch(FACTS, [request(patient_id=2, session_id=2), other])[1] == Accepted()


def test_a_stranger_with_the_same_key_learns_nothing_of_its_first_use() -> None:
    decisions = decide_batch(used(BOOKED), [request(actor=STRANGER)])
    assert decisions == [Refused(Refusal.NOT_YOUR_PATIENT)]


@pytest.mark.parametrize(
    ("requests", "decisions"),
    [
        ([request(), request()], [Accepted(), RepeatedInBatch(0)]),
        (
            [request(), request(), request()],
            [Accepted(), RepeatedInBatch(0), RepeatedInBatch(0)],
        ),
        (
            [request(session_id=3), request(session_id=3)],
            [Refused(Refusal.SOLD_OUT), RepeatedInBatch(0)],
        ),
        ([request(), request(session_id=2)], [Accepted(), KeyMismatch()]),
        ([request(), request(patient_id=2)], [Accepted(), KeyMismatch()]),
        # What was refused for its key does not take the key over.
        (
            [request(), request(session_id=2), request(), request(session_id=2)],
            [Accepted(), KeyMismatch(), RepeatedInBatch(0), KeyMismatch()],
        ),
        (
            [request(key="other", session_id=2), request(), request(key="other", session_id=2)],
            [Accepted(), Accepted(), RepeatedInBatch(0)],
        ),
    ],
)
def test_within_one_batch_a_key_is_used_once(
    requests: list[BookingRequest], decisions: list[Decision]
) -> None:
    assert decide_batch(FACTS, requests) == decisions


def test_a_key_used_before_the_batch_answers_all_of_it() -> None:
    requests = [request(session_id=2), request(), request()]
    assert decide_batch(used(BOOKED), requests) == [
        KeyMismatch(),
        Repeated(BOOKED),
        Repeated(BOOKED),
    ]


def test_a_refused_request_may_be_tried_again_under_a_new_key() -> None:
    facts = replace(FACTS, earlier={(OWNER.kind, OWNER.id, "key"): SOLD_OUT})
    assert decide_batch(facts, [request(key="new")]) == [Accepted()]


def test_no_requests_need_no_answers() -> None:
    assert decide_batch(FACTS, []) == []
