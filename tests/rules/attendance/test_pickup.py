"""Taking the number at the window, and every reason not to get it (S11, S15)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.rules.helpers import clock, day, moment

from guahao.rules.attendance.pickup import decide_pickup, pickup_deadline
from guahao.rules.kernel.facts import PERIODS, AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import PickupRefusal

VISIT = day("2026-03-10")
IN_TIME = moment("2026-03-10 08:00")
EARLY = HospitalRules(
    pickup_until_morning=clock("10:00"),
    pickup_until_afternoon=clock("15:15"),
    pickup_until_evening=clock("19:00"),
)
DEFAULT = HospitalRules()


def appointment(
    status: str = "booked", period: str = "morning", rules: HospitalRules = DEFAULT
) -> AppointmentFacts:
    return AppointmentFacts(status, 1, VISIT, period, rules)


@pytest.mark.parametrize(
    ("rules", "period", "deadline"),
    [
        (DEFAULT, "morning", "2026-03-10 11:30"),
        (DEFAULT, "afternoon", "2026-03-10 16:30"),
        (DEFAULT, "evening", "2026-03-10 20:00"),
        (EARLY, "morning", "2026-03-10 10:00"),
        (EARLY, "afternoon", "2026-03-10 15:15"),
        (EARLY, "evening", "2026-03-10 19:00"),
    ],
)
def test_the_number_is_handed_out_until_the_period_s_deadline(
    rules: HospitalRules, period: str, deadline: str
) -> None:
    ends = moment(deadline)
    assert pickup_deadline(VISIT, period, rules) == ends
    booked = appointment(period=period, rules=rules)
    a_moment_earlier = ends - timedelta(microseconds=1)
    assert decide_pickup(booked, True, 1, a_moment_earlier) is None
    assert decide_pickup(booked, True, 1, ends) is PickupRefusal.TOO_LATE
    end_of_day = moment("2026-03-10 23:59:59.999999")
    assert decide_pickup(booked, True, 1, end_of_day) is PickupRefusal.TOO_LATE


@pytest.mark.parametrize("period", PERIODS)
def test_the_number_can_be_taken_from_the_first_moment_of_the_visit_day(period: str) -> None:
    first = moment("2026-03-10 00:00")
    assert decide_pickup(appointment(period=period), True, 1, first) is None
    a_moment_earlier = first - timedelta(microseconds=1)
    refused = decide_pickup(appointment(period=period), True, 1, a_moment_earlier)
    assert refused is PickupRefusal.WRONG_DAY


def test_the_morning_s_deadline_does_not_end_the_afternoon() -> None:
    assert (
        decide_pickup(appointment(period="afternoon"), True, 1, moment("2026-03-10 12:00")) is None
    )


@pytest.mark.parametrize("at", ["2026-03-09 08:00", "2026-03-11 08:00", "2027-03-10 08:00"])
def test_another_day_is_the_wrong_day(at: str) -> None:
    assert decide_pickup(appointment(), True, 1, moment(at)) is PickupRefusal.WRONG_DAY


def test_each_obstacle_has_its_own_answer() -> None:
    def refused(
        facts: AppointmentFacts, *, same_person: bool = True, hospital: int = 1
    ) -> PickupRefusal | None:
        return decide_pickup(facts, same_person, hospital, IN_TIME)

    assert refused(appointment()) is None
    assert refused(appointment(), same_person=False) is PickupRefusal.WRONG_PERSON
    assert refused(appointment(), hospital=2) is PickupRefusal.WRONG_HOSPITAL
    assert refused(appointment("picked_up")) is PickupRefusal.ALREADY_PICKED_UP
    assert refused(appointment("cancelled")) is PickupRefusal.NOT_BOOKED
    assert refused(appointment("stopped")) is PickupRefusal.NOT_BOOKED


@pytest.mark.parametrize("status", ["no_show", "unverified"])
def test_what_is_void_stays_void_though_the_deadline_be_moved(status: str) -> None:
    assert decide_pickup(appointment(status), True, 1, IN_TIME) is PickupRefusal.TOO_LATE
    next_day = IN_TIME + timedelta(days=1)
    assert decide_pickup(appointment(status), True, 1, next_day) is PickupRefusal.WRONG_DAY


@pytest.mark.parametrize("reasons", list(pairwise(PickupRefusal)))
def test_of_two_obstacles_the_first_answers(reasons: tuple[PickupRefusal, PickupRefusal]) -> None:
    statuses = {PickupRefusal.ALREADY_PICKED_UP: "picked_up", PickupRefusal.NOT_BOOKED: "cancelled"}
    wrong_day = PickupRefusal.WRONG_DAY in reasons
    too_late = PickupRefusal.TOO_LATE in reasons
    status = next((statuses[r] for r in reasons if r in statuses), "booked")
    refused = decide_pickup(
        appointment(status),
        same_person=PickupRefusal.WRONG_PERSON not in reasons,
        hospital_id=2 if PickupRefusal.WRONG_HOSPITAL in reasons else 1,
        at=IN_TIME + timedelta(days=wrong_day, hours=12 * too_late),
    )
    assert refused is reasons[0]


def test_another_person_learns_nothing_about_the_booking() -> None:
    for status in ("booked", "picked_up", "cancelled", "stopped", "no_show", "unverified"):
        for hospital in (1, 2):
            for at in (IN_TIME, moment("2026-03-09 08:00"), moment("2026-03-10 23:00")):
                refused = decide_pickup(appointment(status), False, hospital, at)
                assert refused is PickupRefusal.WRONG_PERSON
