"""How many appointments a real person may hold (S12), and the calendar it is counted by."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.rules.helpers import (
    SOON,
    day,
    decide,
    elsewhere,
    moment,
    patient,
    session,
    word,
)

from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy, add_months, fullest_in_days, fullest_in_months
from guahao.rules.kernel.outcomes import Decision, Refusal, Refused


def book_on(
    visit_date: str,
    *held: str,
    at: str = "2026-03-02 10:00",
    policy: Policy | None = None,
    places: int = 20,
) -> Decision:
    """The answer to a patient who holds appointments elsewhere on these dates."""
    person = patient(counted=elsewhere(*map(day, held)))
    offered = session(day(visit_date), capacity=places)
    return decide(offered, person, at=moment(at), policy=policy)


@pytest.mark.parametrize(
    ("hospital", "department", "visit_date", "answer"),
    [
        (1, 1, SOON, "duplicate_department"),
        (1, 2, SOON, "booked"),
        (2, 1, SOON, "booked"),
        (1, 1, SOON + timedelta(days=1), "booked"),
    ],
)
def test_one_booking_a_department_and_date(
    hospital: int, department: int, visit_date: date, answer: str
) -> None:
    held = [CountedAppointment(SOON, 1, 1)]
    wanted = session(visit_date, hospital=hospital, department=department)
    assert word(decide(wanted, patient(counted=held))) == answer


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        ([], "booked"),
        (["2026-03-10"], "booked"),
        (["2026-03-10", "2026-03-11"], "booked"),
        (["2026-03-10", "2026-03-10"], "day_limit"),
    ],
)
def test_two_bookings_a_date(held: list[str], answer: str) -> None:
    assert word(book_on("2026-03-10", *held)) == answer


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        (["2026-03-04", "2026-03-05", "2026-03-06"], "seven_day_limit"),  # all before
        (["2026-03-11", "2026-03-12", "2026-03-16"], "seven_day_limit"),  # all after
        (["2026-03-07", "2026-03-12", "2026-03-13"], "seven_day_limit"),  # around it
        (["2026-03-03", "2026-03-05", "2026-03-06"], "booked"),  # eight dates
        (["2026-03-11", "2026-03-12", "2026-03-17"], "booked"),
        (["2026-03-07", "2026-03-13", "2026-03-14"], "booked"),  # 7th to 13th: three with it
        (["2026-03-04", "2026-03-04", "2026-03-16"], "booked"),
        (["2026-03-10", "2026-03-04", "2026-03-16"], "booked"),  # never all in one window
        (["2026-03-10", "2026-03-04", "2026-03-04"], "seven_day_limit"),
        (["2026-03-04", "2026-03-07", "2026-03-11", "2026-03-14"], "booked"),
    ],
)
def test_three_bookings_in_any_seven_consecutive_dates(held: list[str], answer: str) -> None:
    assert word(book_on("2026-03-10", *held)) == answer


@pytest.mark.parametrize(
    ("visit_date", "held", "answer"),
    [
        # All before: the window [2 Feb, 2 May) ends before 2 May.
        ("2026-05-01", "2026-02-02 02-12 02-22 03-12 04-12", "three_month_limit"),
        ("2026-05-02", "2026-02-02 02-12 02-22 03-12 04-12", "booked"),
        # All after: looking only backwards would miss them.
        ("2026-03-10", "2026-03-20 03-30 04-20 05-20 06-09", "three_month_limit"),
        ("2026-03-10", "2026-03-20 03-30 04-20 05-20 06-10", "booked"),
        # Around it.
        ("2026-04-01", "2026-01-20 02-20 03-20 04-10 04-19", "three_month_limit"),
        ("2026-04-01", "2026-01-19 02-20 03-20 04-10 04-19", "booked"),
        # [30 Nov, 28 Feb) is shorter: 30 Nov plus three months is clamped to 28 Feb.
        ("2027-02-27", "2026-11-30 12-10 12-20 2027-01-10 01-20", "three_month_limit"),
        ("2027-02-28", "2026-11-30 12-10 12-20 2027-01-10 01-20", "booked"),
        ("2027-02-28", "2026-11-29 12-10 12-20 2027-01-10 01-20", "booked"),
        ("2027-02-28", "2026-12-01 12-10 12-20 2027-01-10 01-20", "three_month_limit"),
        # In a leap year [30 Nov, 29 Feb) has one date more.
        ("2028-02-28", "2027-11-30 12-10 12-20 2028-01-10 01-20", "three_month_limit"),
        ("2028-02-29", "2027-11-30 12-10 12-20 2028-01-10 01-20", "booked"),
    ],
)
def test_five_bookings_in_any_three_months(visit_date: str, held: str, answer: str) -> None:
    year, dates = held[:4], []
    for text in held.split():
        year = text[:4] if len(text) == 10 else year
        dates.append(f"{year}-{text[-5:]}")
    at = (day(visit_date) - timedelta(days=20)).isoformat()
    assert word(book_on(visit_date, *dates, at=f"{at} 10:00")) == answer


@pytest.mark.parametrize(
    ("visit_date", "held", "reason", "visit_from"),
    [
        ("2026-03-10", ["2026-03-10"] * 2, Refusal.DAY_LIMIT, "2026-03-11"),
        ("2026-06-01", ["2026-06-01"] * 2, Refusal.DAY_LIMIT, "2026-06-02"),  # the last open
        ("2026-06-02", ["2026-06-02"] * 2, Refusal.DAY_LIMIT, None),
        # The 11th would be the second of its date, but the fourth within seven days.
        ("2026-03-10", ["2026-03-10"] * 2 + ["2026-03-12"], Refusal.DAY_LIMIT, "2026-03-17"),
        (
            "2026-03-10",
            ["2026-03-09", "2026-03-11", "2026-03-12"],
            Refusal.SEVEN_DAY_LIMIT,
            "2026-03-16",
        ),
        (
            "2026-03-10",
            ["2026-02-01", "2026-02-10", "2026-02-20", "2026-03-01", "2026-03-09"],
            Refusal.THREE_MONTH_LIMIT,
            "2026-05-01",
        ),
        # Free again on 20 June only, and that is not open yet.
        (
            "2026-04-10",
            ["2026-03-20", "2026-03-30", "2026-04-20", "2026-05-20", "2026-05-30"],
            Refusal.THREE_MONTH_LIMIT,
            None,
        ),
    ],
)
def test_whoever_is_over_a_limit_is_told_the_next_date_within_all_limits(
    visit_date: str, held: list[str], reason: Refusal, visit_from: str | None
) -> None:
    expected = Refused(reason, visit_from=day(visit_from) if visit_from else None)
    assert book_on(visit_date, *held) == expected


def test_the_date_named_is_free_in_the_same_department_too() -> None:
    held = [CountedAppointment(SOON + timedelta(days=n), 1, 1) for n in (0, 1)]
    expected = Refused(Refusal.DUPLICATE_DEPARTMENT, visit_from=SOON + timedelta(days=2))
    assert decide(session(SOON), patient(counted=held)) == expected


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        (Policy(per_department_and_day=0), "duplicate_department"),
        (Policy(per_day=0), "day_limit"),
        (Policy(per_short_window=0), "seven_day_limit"),
        (Policy(per_long_window=0), "three_month_limit"),
        (Policy(short_window_days=0), "booked"),  # a window of no length holds nothing
        (Policy(long_window_months=0), "booked"),
    ],
)
def test_a_limit_of_zero_refuses_even_the_first(policy: Policy, answer: str) -> None:
    assert word(book_on("2026-03-10", policy=policy)) == answer


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        (Policy(), "day_limit"),
        (Policy(per_day=3), "seven_day_limit"),
        (Policy(per_day=3, per_short_window=4), "three_month_limit"),
        (Policy(per_day=3, per_short_window=4, per_long_window=6), "booked"),
        (Policy(per_day=3, short_window_days=1, per_long_window=6), "booked"),
        (Policy(per_day=3, short_window_days=1, long_window_months=1), "booked"),
        (Policy(per_day=1), "day_limit"),
    ],
)
def test_a_policy_may_set_any_limit(policy: Policy, answer: str) -> None:
    held = ["2026-03-10", "2026-03-10", "2026-03-12", "2026-04-01", "2026-04-20"]
    assert word(book_on("2026-03-10", *held, policy=policy)) == answer


def test_a_department_may_be_opened_for_two_a_date() -> None:
    held = patient(counted=[CountedAppointment(SOON, 1, 1)])
    policy = Policy(per_department_and_day=2)
    assert word(decide(session(), held, policy=policy)) == "booked"


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-03-02", 3, "2026-06-02"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2027-11-29", 3, "2028-02-29"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-10-31", 2, "2026-12-31"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-05-31", 0, "2026-05-31"),
        ("2027-05-31", -3, "2027-02-28"),
        ("2027-01-15", -1, "2026-12-15"),
        ("2027-02-28", -14, "2025-12-28"),
    ],
)
def test_months_are_counted_to_the_same_day_or_the_month_s_last(
    start: str, months: int, end: str
) -> None:
    assert add_months(day(start), months) == day(end)


def test_a_window_without_appointments_holds_none() -> None:
    assert len(fullest_in_days([], SOON, 7)) == 0
    assert len(fullest_in_months([], SOON, 3)) == 0
    assert len(fullest_in_days([SOON, SOON], SOON, 7)) == 2
    assert len(fullest_in_months([SOON, SOON], SOON, 3)) == 2


def test_a_window_of_seven_dates_holds_no_eighth() -> None:
    eight_apart = [SOON - timedelta(days=1), SOON + timedelta(days=6)]
    assert len(fullest_in_days(eight_apart, SOON, 7)) == 1
    assert len(fullest_in_days(eight_apart, SOON, 8)) == 2
