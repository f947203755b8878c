"""A hospital's day in figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from guahao.rules.kernel.limits import CITY_TIME, HospitalRules
from guahao.rules.reports.today import ExpectedBookings, Tally, next_deadline, tally

DAY, RULES = date(2026, 11, 30), HospitalRules()
ROWS = [
    ExpectedBookings(1, "内科", "", "morning", 8, waiting=3, arrived=4, missing=0),
    ExpectedBookings(1, "内科", "", "afternoon", 14, waiting=5, arrived=0, missing=0),
    ExpectedBookings(2, "外科", "", "afternoon", None, waiting=0, arrived=0, missing=2),
]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-30 {clock}").replace(tzinfo=CITY_TIME)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("08:00", Tally(waiting=8, arrived=4, missing=2)),
        ("11:30", Tally(waiting=8, arrived=4, missing=2)),
        ("11:31", Tally(waiting=5, arrived=4, missing=5)),
        ("16:31", Tally(waiting=0, arrived=4, missing=10)),
    ],
)
def test_whoever_has_not_come_by_the_deadline_is_missing(clock: str, expected: Tally) -> None:
    found = tally(ROWS, DAY, RULES, at(clock))
    assert found == expected
    assert found.expected == 14


def test_parts_of_a_day_are_added_up() -> None:
    assert Tally() == Tally(waiting=0, arrived=0, missing=0)
    assert Tally(1, 2, 3) + Tally(10, 20, 30) == Tally(11, 22, 33)
    assert Tally(1, 2, 3).expected == 6
    assert tally([], DAY, RULES, at("08:00")) == Tally()


def test_a_period_whose_patients_have_all_come_is_passed_over() -> None:
    rows = [replace(ROWS[0], waiting=0), *ROWS[1:]]
    assert next_deadline(rows, DAY, RULES, at("08:00")) == ("afternoon", at("16:30"), 5)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("08:00", ("morning", at("11:30"), 3)),
        ("11:30", ("morning", at("11:30"), 3)),
        ("11:31", ("afternoon", at("16:30"), 5)),
        ("16:30", ("afternoon", at("16:30"), 5)),
        ("16:31", None),
    ],
)
def test_the_next_deadline_is_of_the_next_period_that_somebody_is_expected_in(
    clock: str, expected: tuple[str, datetime, int] | None
) -> None:
    assert next_deadline(ROWS, DAY, RULES, at(clock)) == expected
