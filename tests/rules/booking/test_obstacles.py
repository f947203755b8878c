"""The bookings that stand in the way of another, and when the SMS of one is sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.rules.helpers import NOW, SOON, elsewhere, patient, session

from guahao.rules.booking.obstacles import obstacles
from guahao.rules.booking.resending import RESENT_AN_HOUR, ResendRefusal, decide_own_resend
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refusal

ONE_DAY = timedelta(days=1)
SAME = CountedAppointment(SOON, 1, 1)
BESIDE = CountedAppointment(SOON, 1, 2)  # another department of the hospital
ELSEWHERE = CountedAppointment(SOON, 2, 1)  # a department of that number at another hospital
BEFORE = CountedAppointment(SOON - 6 * ONE_DAY, 1, 1)
LONG_BEFORE = CountedAppointment(SOON - 7 * ONE_DAY, 3, 3)
AFTER = CountedAppointment(SOON + 6 * ONE_DAY, 4, 4)
LATER = CountedAppointment(SOON + 80 * ONE_DAY, 5, 5)
ALL = (LATER, AFTER, SAME, BESIDE, ELSEWHERE, BEFORE, LONG_BEFORE)


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        (Refusal.DUPLICATE_DEPARTMENT, [SAME]),
        (Refusal.DAY_LIMIT, [SAME, BESIDE, ELSEWHERE]),
        # Of the windows that hold the day the fullest, the earliest of those alike.
        (Refusal.SEVEN_DAY_LIMIT, [BEFORE, SAME, BESIDE, ELSEWHERE]),
        (Refusal.THREE_MONTH_LIMIT, [LONG_BEFORE, BEFORE, SAME, BESIDE, ELSEWHERE, AFTER, LATER]),
        # Other bookings have no part in these.
        (Refusal.SOLD_OUT, []),
        (Refusal.PATIENT_SUSPENDED, []),
    ],
)
def test_what_a_broken_limit_counts_by_visit_date(
    reason: Refusal, found: list[CountedAppointment]
) -> None:
    assert obstacles(session(), patient(counted=ALL), reason, Policy()) == found


@pytest.mark.parametrize(("allowed", "live", "found"), [(1, 1, 1), (2, 1, 0), (2, 2, 2), (2, 3, 3)])
def test_an_unchecked_person_s_live_bookings_stand_in_the_way(
    allowed: int, live: int, found: int
) -> None:
    days = [SOON + n * ONE_DAY for n in range(live)]
    booked = [replace(counted, is_live=True) for counted in elsewhere(*days)]
    seen = elsewhere(SOON - ONE_DAY)
    policy = Policy(unchecked_live_bookings=allowed)
    unchecked = patient(counted=(*seen, *reversed(booked)))
    standing = obstacles(session(), unchecked, Refusal.PERSON_UNCHECKED, policy)
    assert standing == booked[:found]


@pytest.mark.parametrize(
    ("status", "at", "resent", "refused"),
    [
        ("cancelled", NOW, 9, ResendRefusal.NOT_LIVE),
        ("picked_up", NOW, 1, ResendRefusal.NOT_LIVE),
        ("booked", NOW + timedelta(hours=1), 9, ResendRefusal.NOT_LIVE),  # void from then on
        ("booked", NOW, RESENT_AN_HOUR + 1, ResendRefusal.TOO_OFTEN),
        ("booked", NOW, RESENT_AN_HOUR, None),
        ("booked", NOW + timedelta(minutes=59, seconds=59), 1, None),
    ],
)
def test_a_live_booking_s_sms_is_sent_again_three_times_an_hour(
    status: str, at: datetime, resent: int, refused: ResendRefusal | None
) -> None:
    assert RESENT_AN_HOUR == 3
    assert decide_own_resend(status, NOW + timedelta(hours=1), resent, at) is refused
