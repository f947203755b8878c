"""What becomes of those who do not come (S15, S16)."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest
from tests.rules.helpers import day, decide, moment, patient, session

from guahao.rules.attendance.penalties import (
    Suspension,
    merged,
    suspended_until,
    suspensions,
    suspensions_by_date,
    void_status,
)
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Accepted, Refusal, Refused
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy

FIVE = "2026-01-05 2026-01-12 2026-02-10 2026-03-03 2026-03-20"
NEW_YEAR = "2027-01-01 2027-01-02 2027-01-03"
SIX = f"{FIVE} 2026-04-01"


def days(text: str) -> list[str]:
    return text.split()


def suspended(no_shows: str, policy: Policy | None = None) -> list[str]:
    """Suspensions as start..end, the end not included."""
    found = suspensions(map(day, days(no_shows)), policy or Policy())
    return [f"{s.start}..{s.end}" for s in found]


def test_a_booking_not_picked_up_is_a_no_show_only_where_attendance_is_known() -> None:
    assert void_status(attendance_known=True) == "no_show"
    assert void_status(attendance_known=False) == "unverified"


@pytest.mark.parametrize(
    ("no_shows", "expected"),
    [
        ("", ""),
        ("2026-01-05", ""),
        ("2026-01-05 2026-01-12", ""),
        # The 3rd, from its own visit date.
        ("2026-01-05 2026-01-12 2026-02-10", "2026-02-10..2026-05-10"),
        # The 4th and 5th add nothing.
        ("2026-01-05 2026-01-12 2026-02-10 2026-03-03", "2026-02-10..2026-05-10"),
        (FIVE, "2026-02-10..2026-05-10"),
        # The 6th, for six months; it overlaps the first.
        (SIX, "2026-02-10..2026-05-10 2026-04-01..2026-10-01"),
        # The 7th and later add nothing.
        (f"{SIX} 2026-04-20", "2026-02-10..2026-05-10 2026-04-01..2026-10-01"),
        (
            f"{SIX} 2026-11-01 2026-11-02 2026-11-03",
            "2026-02-10..2026-05-10 2026-04-01..2026-10-01",
        ),
        # Two visits on one date are two no-shows.
        ("2026-01-05 2026-01-05 2026-02-10", "2026-02-10..2026-05-10"),
        ("2026-01-05 2026-02-10 2026-02-10", "2026-02-10..2026-05-10"),
        ("2026-01-05 2026-02-10 2026-02-10 2026-02-10", "2026-02-10..2026-05-10"),
        # A calendar year, not twelve months.
        ("2026-11-05 2026-12-12 2027-01-10", ""),
        ("2026-12-30 2026-12-31 2027-01-01 2027-01-02", ""),
        # It survives 1 January, though the count begins anew.
        ("2026-10-05 2026-11-12 2026-12-20", "2026-12-20..2027-03-20"),
        (
            "2026-10-05 2026-11-12 2026-12-20 2027-01-05 2027-01-06 2027-01-07",
            "2026-12-20..2027-03-20 2027-01-07..2027-04-07",
        ),
        # Clamped months' ends.
        ("2026-10-05 2026-11-12 2026-11-30", "2026-11-30..2027-02-28"),
        ("2027-10-05 2027-11-12 2027-11-30", "2027-11-30..2028-02-29"),
        # The longer one may end later although it began earlier.
        (
            f"2026-07-01 2026-07-02 2026-07-03 2026-12-01 2026-12-02 2026-12-03 {NEW_YEAR}",
            "2026-07-03..2026-10-03 2026-12-03..2027-06-03 2027-01-03..2027-04-03",
        ),
    ],
)
def test_the_third_and_the_sixth_no_show_of_a_year_suspend(no_shows: str, expected: str) -> None:
    assert suspended(no_shows) == days(expected)
    ends = [day(text[-10:]) for text in days(expected)]
    assert suspended_until(map(day, days(no_shows)), Policy()) == max(ends, default=None)


def test_what_counts_is_the_visit_date_and_not_when_it_became_known() -> None:
    three = "2026-01-05 2026-01-12 2026-02-10"
    for order in permutations(days(three)):
        assert suspended(" ".join(order)) == ["2026-02-10..2026-05-10"]
    # A fourth, reported late but of an earlier date, moves the third forward in time.
    assert suspended(f"{three} 2026-01-20") == ["2026-01-20..2026-04-20"]


def test_an_excused_no_show_is_as_if_it_had_never_been() -> None:
    without_one = SIX.replace("2026-01-12 ", "")
    assert suspended(without_one) == ["2026-03-03..2026-06-03"]
    assert suspended("2026-01-05 2026-02-10") == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(first_suspension_no_shows=1), "2026-01-05..2026-04-05 2026-04-01..2026-10-01"),
        (Policy(first_suspension_no_shows=0), "2026-04-01..2026-10-01"),
        (Policy(first_suspension_no_shows=7), "2026-04-01..2026-10-01"),
        (Policy(second_suspension_no_shows=0), "2026-02-10..2026-05-10"),
        (Policy(first_suspension_months=0), "2026-04-01..2026-10-01"),
        (Policy(first_suspension_months=0, second_suspension_months=0), ""),
        (Policy(first_suspension_months=12), "2026-02-10..2027-02-10 2026-04-01..2026-10-01"),
        (Policy(second_suspension_months=1), "2026-02-10..2026-05-10 2026-04-01..2026-05-01"),
        (Policy(second_suspension_no_shows=2), "2026-01-12..2026-07-12 2026-02-10..2026-05-10"),
    ],
)
def test_a_policy_may_change_count_and_length(policy: Policy, expected: str) -> None:
    assert suspended(SIX, policy) == days(expected)


def test_overlapping_suspensions_end_with_the_later_one() -> None:
    shorter_second = Policy(second_suspension_months=1)
    assert suspended_until(map(day, days(SIX)), shorter_second) == day("2026-05-10")
    assert suspended_until(map(day, days(SIX)), Policy()) == day("2026-10-01")


def test_a_suspension_names_its_first_day_and_the_day_it_is_over() -> None:
    [found] = suspensions(map(day, days(FIVE)), Policy())
    assert found == Suspension(day("2026-02-10"), day("2026-05-10"))


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        ("2026-04-20 00:00", True),
        ("2026-05-09 23:59:59.999999", True),
        ("2026-05-10 00:00", False),
        ("2026-05-10 10:00", False),
    ],
)
def test_whoever_is_suspended_is_told_when_it_is_over(at: str, refused: bool) -> None:
    person = patient(suspended_until=day("2026-05-10"))
    answer = decide(session(day("2026-05-20")), person, at=moment(at))
    until = Refused(Refusal.PATIENT_SUSPENDED, retry_from=moment("2026-05-10 00:00"))
    assert answer == (until if refused else Accepted())


def test_a_suspension_looks_at_the_day_of_booking_not_at_the_visit() -> None:
    person = patient(suspended_until=day("2026-05-10"))
    visit_after_it = session(day("2026-05-20"))
    assert decide(visit_after_it, person, at=moment("2026-05-01 10:00")) != Accepted()


@pytest.mark.parametrize(
    ("months", "merged_months"),
    [
        ([], []),
        ([(1, 4), (5, 6)], [(1, 4), (5, 6)]),
        ([(1, 4), (4, 6)], [(1, 6)]),
        ([(1, 4), (3, 9), (4, 6), (10, 12)], [(1, 9), (10, 12)]),
        ([(1, 2), (3, 5), (4, 7), (7, 8)], [(1, 2), (3, 8)]),
        ([(1, 2), (3, 9), (4, 5)], [(1, 2), (3, 9)]),
    ],
)
def test_suspensions_that_overlap_or_meet_are_one(
    months: list[tuple[int, int]], merged_months: list[tuple[int, int]]
) -> None:
    def of(spans: list[tuple[int, int]]) -> list[Suspension]:
        return [Suspension(date(2026, start, 1), date(2026, end, 1)) for start, end in spans]

    assert merged(of(months)) == of(merged_months)


def test_a_no_show_on_the_day_on_which_a_policy_begins_is_judged_by_it_alone() -> None:
    longer = DatedPolicy(day("2026-07-01"), Policy(first_suspension_months=6))
    policies = DatedPolicies(Policy(), (longer,))
    no_shows = [day("2026-03-02"), day("2026-04-02"), day("2026-07-01")]
    [found] = suspensions_by_date(no_shows, policies, day("2026-07-02"))
    assert found == Suspension(day("2026-07-01"), day("2027-01-01"))
