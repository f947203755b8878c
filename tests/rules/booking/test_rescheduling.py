"""Rescheduling: the rules of cancelling for the old booking, the desk's for the new place."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules import oracle
from tests.rules.helpers import NOW, SOON, elsewhere, patient, request, session

from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.booking.rescheduling import (
    NotRescheduled,
    Replaced,
    RescheduleDecision,
    RescheduleRefusal,
    decide_reschedule,
)
from guahao.rules.kernel.facts import (
    AppointmentFacts,
    BookingFacts,
    CountedAppointment,
    EarlierUse,
    SessionFacts,
)
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Accepted, KeyMismatch, Refusal, Refused, Repeated

SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))
OLD = CountedAppointment(SOON, 1, 1, is_live=True)
OLD_ID = 7
BOOKED = AppointmentFacts("booked", 1, SOON, "morning", HospitalRules())


def decide(
    wanted: SessionFacts,
    *counted: CountedAppointment,
    old: AppointmentFacts | None = BOOKED,
    by: str = "agent",
    at: datetime = NOW,
    policy: Policy = SELF_SERVICE,
    earlier: EarlierUse | None = None,
    old_session: int = 99,
    before: tuple[CountedAppointment, ...] = (),
) -> RescheduleDecision:
    """Ask for another place instead of a booking of department 1 on SOON."""
    asked = replace(request(wanted.id), at=at, replaces=OLD_ID)
    facts = BookingFacts(
        {wanted.id: wanted},
        {1: replace(patient(1), counted=(*before, OLD, *counted))},
        {} if earlier is None else {asked.scope: earlier},
        policy,
    )
    replaced = None if old is None else Replaced(old_session, 1, old)
    return decide_reschedule(facts, asked, replaced, by, policy)


LATE = cancel_deadline(SOON, HospitalRules())


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (RescheduleRefusal.UNKNOWN, {"old": None}),
        (RescheduleRefusal.BY_PHONE, {"by": "patient", "policy": Policy()}),
        (RescheduleRefusal.NOT_LIVE, {"old": replace(BOOKED, status="picked_up")}),
        (RescheduleRefusal.NOT_LIVE, {"old": replace(BOOKED, status="cancelled")}),
        (RescheduleRefusal.NOT_LIVE, {"old": replace(BOOKED, status="stopped")}),
        (RescheduleRefusal.TOO_LATE, {"at": LATE}),
        (RescheduleRefusal.SAME_SESSION, {"old_session": 1}),
    ],
)
def test_why_a_booking_stands(refusal: RescheduleRefusal, asked: dict[str, object]) -> None:
    full = session(capacity=0)  # what is refused of the new place comes after
    answer = decide(full, **asked)  # type: ignore[arg-type]
    assert isinstance(answer, NotRescheduled)
    assert answer.reason is refusal


def test_a_moment_before_the_deadline_is_in_time() -> None:
    later = replace(session(), visit_date=SOON + timedelta(days=1))
    assert decide(later, at=LATE - timedelta(microseconds=1)) == Accepted()


@pytest.mark.parametrize(
    ("refusal", "changed"),
    [
        (Refusal.SESSION_STOPPED, {"stopped": True}),
        (Refusal.SAME_DAY, {"visit_date": NOW.date()}),
        (Refusal.BY_DRAW, {"held": 20, "draw_at": NOW + timedelta(hours=1)}),
        (Refusal.SOLD_OUT, {"capacity": 0}),
    ],
)
def test_the_desk_decides_about_the_new_place(refusal: Refusal, changed: dict[str, object]) -> None:
    wanted = replace(session(capacity=20), **changed)  # type: ignore[arg-type]
    answer = decide(wanted)
    assert isinstance(answer, Refused)
    assert answer.reason is refusal


def test_the_old_booking_counts_against_nothing() -> None:
    """Of one a department and day, two a day, three in seven days and five in three months."""
    assert decide(session()) == Accepted()  # the same department and day
    others = elsewhere(SOON)
    assert decide(session(), *others) == Accepted()
    week = elsewhere(SOON + timedelta(days=1), SOON + timedelta(days=2))
    assert decide(session(), *week) == Accepted()
    months = elsewhere(*(SOON + timedelta(days=10 * n) for n in range(1, 5)))
    assert decide(session(), *months) == Accepted()


def test_of_several_live_bookings_the_old_one_is_gone() -> None:
    other = tuple(replace(one, is_live=True) for one in elsewhere(SOON))
    assert decide(session(), before=other) == Accepted()  # the same department and day


def test_the_other_bookings_still_count() -> None:
    twice = elsewhere(SOON, SOON)
    answer = decide(session(), *twice)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.DAY_LIMIT


def test_a_booking_seen_already_is_not_taken_out_for_the_live_one() -> None:
    """A picked-up booking of that place stands beside: only the live one is gone."""
    answer = decide(session(), replace(OLD, is_live=False))
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.DUPLICATE_DEPARTMENT


def test_an_answer_under_the_key_comes_first() -> None:
    use = EarlierUse(1, 1, "booked", 5, replaces=OLD_ID)
    gone = replace(BOOKED, status="cancelled")
    assert decide(session(), old=gone, earlier=use) == Repeated(use)
    assert decide(session(), earlier=replace(use, replaces=None)) == KeyMismatch()
    assert decide(session(), earlier=replace(use, replaces=OLD_ID + 1)) == KeyMismatch()
    assert decide(session(), earlier=replace(use, session_id=2)) == KeyMismatch()


@given(
    st.lists(st.integers(0, 100), max_size=5),
    st.integers(1, 100),
    st.booleans(),
)
def test_nobody_is_over_a_limit_who_was_not_before(
    held: list[int], wanted: int, same_department: bool
) -> None:
    """Whatever a person holds, another place instead of one takes them over no limit."""
    policy = SELF_SERVICE
    others = elsewhere(*(SOON + timedelta(days=n) for n in held))
    before = set(oracle.over_a_limit((OLD, *others), policy))
    day = SOON + timedelta(days=wanted)
    new = replace(session(), visit_date=day, department_id=1 if same_department else 2)
    if decide(new, *others, policy=policy) == Accepted():
        place = CountedAppointment(day, new.hospital_id, new.department_id, is_live=True)
        assert set(oracle.over_a_limit((place, *others), policy)) <= before
