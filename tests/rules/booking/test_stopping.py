"""Which bookings are restored when a stop is undone before it is announced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import NOW, SOON, elsewhere

from guahao.rules.booking.stopping import StoppedBooking, decide_restore
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy

TODAY = NOW.date()
LAW = DatedPolicies(Policy())
FIRST = StoppedBooking(
    id=11,
    patient_id=1,
    session_id=101,
    hospital_id=1,
    department_id=1,
    visit_date=SOON,
    over_at=NOW + timedelta(days=8),
    booked_on=TODAY - timedelta(days=3),
)
SECOND = replace(FIRST, id=12, patient_id=2)
THIRD = replace(FIRST, id=13, patient_id=3)


@pytest.mark.parametrize(
    ("places", "restored"),
    [(0, []), (1, [11]), (2, [11, 12]), (3, [11, 12, 13]), (9, [11, 12, 13])],
)
def test_who_booked_first_is_restored_first(places: int, restored: list[int]) -> None:
    assert decide_restore([FIRST, SECOND, THIRD], {101: places}, {}, NOW, LAW) == restored


def test_a_booking_that_stays_stopped_takes_no_place() -> None:
    over = replace(FIRST, over_at=NOW)
    assert decide_restore([over, SECOND], {101: 1}, {}, NOW, LAW) == [12]


@pytest.mark.parametrize(
    ("left", "restored"), [(timedelta(0), []), (timedelta(microseconds=1), [11])]
)
def test_a_booking_is_restored_until_its_pick_up_deadline(
    left: timedelta, restored: list[int]
) -> None:
    booking = replace(FIRST, over_at=NOW + left)
    assert decide_restore([booking], {101: 1}, {}, NOW, LAW) == restored


def test_a_full_session_does_not_keep_the_others_from_being_restored() -> None:
    elsewhere_booked = replace(SECOND, session_id=102)
    assert decide_restore([FIRST, elsewhere_booked], {101: 0, 102: 1}, {}, NOW, LAW) == [12]


def test_a_patient_who_has_used_the_freed_limit_since_keeps_the_newer_booking() -> None:
    same_place = [CountedAppointment(SOON, 1, 1)]
    assert decide_restore([FIRST], {101: 1}, {1: same_place}, NOW, LAW) == []
    assert decide_restore([FIRST], {101: 1}, {2: same_place}, NOW, LAW) == [11]
    full_day = elsewhere(SOON, SOON)
    assert decide_restore([FIRST], {101: 1}, {1: full_day}, NOW, LAW) == []


def test_who_is_over_a_limit_does_not_keep_the_others_from_being_restored() -> None:
    same_place = {1: [CountedAppointment(SOON, 1, 1)]}
    assert decide_restore([FIRST, SECOND, THIRD], {101: 2}, same_place, NOW, LAW) == [12, 13]


def test_a_restored_booking_counts_against_the_next_of_the_same_patient() -> None:
    bookings = [
        replace(FIRST, id=number, session_id=100 + number, department_id=number)
        for number in (1, 2, 3)
    ]
    places = dict.fromkeys((101, 102, 103), 5)
    assert decide_restore(bookings, places, {}, NOW, LAW) == [1, 2]  # two a day
    assert places == dict.fromkeys((101, 102, 103), 5)


@pytest.mark.parametrize(
    ("before", "since"), [(Policy(), Policy(per_day=1)), (Policy(per_day=1), Policy())]
)
def test_the_more_lenient_policy_of_the_day_of_booking_and_of_today_counts(
    before: Policy, since: Policy
) -> None:
    policies = DatedPolicies(before, (DatedPolicy(TODAY, since),))
    taken = {1: elsewhere(SOON)}
    assert decide_restore([FIRST], {101: 1}, taken, NOW, policies) == [11]
    strict = DatedPolicies(Policy(per_day=1))
    assert decide_restore([FIRST], {101: 1}, taken, NOW, strict) == []
