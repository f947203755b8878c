"""What a plan may hold: clinics, weekly timetables and their dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from guahao.rules.supply import planning
from guahao.rules.supply.changes import PLANNED_DAYS, Clinic
from guahao.rules.supply.planning import (
    PlanRefusal,
    decide_timetable_end,
    overlapping,
    refused_clinic,
    refused_places,
    timetable_change_refusals,
    timetable_refusals,
)

TODAY = date(2026, 11, 30)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
FURTHEST = TODAY + timedelta(days=366)
CLINIC = Clinic("医师", "", "morning", time(8), time(12), 5000, 20)


def test_the_bounds_of_a_plan() -> None:
    assert planning.CAPACITY_MAX == 1000
    assert planning.FEN == 100
    assert planning.WORDS_MAX == 40
    assert planning.FEE_MAX_FEN == 1_000_000
    assert planning.ROLLED_DAYS == 93
    assert PLANNED_DAYS == 366
    assert list(planning.WEEKDAYS) == [1, 2, 3, 4, 5, 6, 7]
    assert date(9999, 12, 31) == planning.FOR_EVER


@pytest.mark.parametrize(
    ("places", "fee_fen", "refused"),
    [
        (-1, 0, PlanRefusal.PLACES),
        (0, 0, None),
        (1000, 1_000_000, None),
        (1001, 0, PlanRefusal.PLACES),
        (1, -1, PlanRefusal.FEE),
        (1, 1_000_001, PlanRefusal.FEE),
        (1001, -1, PlanRefusal.PLACES),
    ],
)
def test_places_and_fees_have_bounds(
    places: int, fee_fen: int, refused: PlanRefusal | None
) -> None:
    assert refused_places(places, fee_fen) is refused
    assert refused_clinic(replace(CLINIC, capacity=places, fee_fen=fee_fen)) is refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, None),
        ({"title": ""}, PlanRefusal.TITLE),
        ({"title": "医"}, None),
        ({"title": "医" * 40}, None),
        ({"title": "医" * 41}, PlanRefusal.TITLE),
        ({"specialty": "心" * 40}, None),
        ({"specialty": "心" * 41}, PlanRefusal.TITLE),
        ({"title": "", "specialty": "心" * 41}, PlanRefusal.TITLE),
        ({"period": "night"}, PlanRefusal.TITLE),
        ({"title": "", "capacity": -1}, PlanRefusal.TITLE),
        # Of its hours the law of sessions decides.
        ({"starts_at": None}, None),
        ({"ends_at": time(8)}, None),
    ],
)
def test_a_clinic_has_a_title_and_a_period(
    changes: dict[str, object], refused: PlanRefusal | None
) -> None:
    assert refused_clinic(replace(CLINIC, **changes)) is refused  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "last", "weekday", "refused"),
    [
        (TODAY, FURTHEST, 1, [PlanRefusal.DATES]),
        (TOMORROW, TOMORROW, 1, []),
        (TOMORROW, TODAY, 1, [PlanRefusal.DATES]),
        (FURTHEST, planning.FOR_EVER, 7, []),
        (FURTHEST + timedelta(days=1), planning.FOR_EVER, 7, [PlanRefusal.DATES]),
        (TOMORROW, FURTHEST, 0, [PlanRefusal.DATES]),
        (TOMORROW, FURTHEST, 8, [PlanRefusal.DATES]),
    ],
)
def test_a_timetable_begins_tomorrow_or_later_and_within_a_year(
    first: date, last: date, weekday: int, refused: list[PlanRefusal]
) -> None:
    found = timetable_refusals(
        *(CLINIC, weekday, (first, last), TODAY), has_department=True, is_offered=True
    )
    assert found == refused


# In descending precedence.
HOURS = pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"title": "", "ends_at": time(8)}, [PlanRefusal.TITLE, PlanRefusal.HOURS]),
        ({"ends_at": time(8), "capacity": -1}, [PlanRefusal.HOURS, PlanRefusal.PLACES]),
        ({"starts_at": None}, [PlanRefusal.HOURS]),
        ({"ends_at": time(8)}, [PlanRefusal.HOURS]),
        ({"ends_at": time(7, 59)}, [PlanRefusal.HOURS]),
        ({"starts_at": time(13), "ends_at": time(14)}, [PlanRefusal.OUTSIDE_PERIOD]),
        (
            {"starts_at": time(13), "ends_at": None, "fee_fen": -1},
            [PlanRefusal.OUTSIDE_PERIOD, PlanRefusal.FEE],
        ),
        ({"period": "afternoon"}, [PlanRefusal.OUTSIDE_PERIOD]),
        ({"ends_at": time(8, 1)}, []),
        ({"ends_at": None}, []),
        ({"starts_at": None, "ends_at": None}, []),
    ],
)


@HOURS
def test_a_timetable_has_hours_that_a_session_may_have(
    changes: dict[str, object], refused: list[PlanRefusal]
) -> None:
    clinic = replace(CLINIC, **changes)  # type: ignore[arg-type]
    span = (TOMORROW, FURTHEST)
    assert refused == timetable_refusals(
        *(clinic, 1, span, TODAY), has_department=True, is_offered=True
    )


@HOURS
def test_a_timetable_changes_to_hours_that_a_session_may_have(
    changes: dict[str, object], refused: list[PlanRefusal]
) -> None:
    clinic = replace(CLINIC, **changes)  # type: ignore[arg-type]
    days = (FURTHEST, FURTHEST)
    found = timetable_change_refusals(
        replace(CLINIC, starts_at=time(9)), clinic, days, TODAY, is_offered=True
    )
    assert found == refused


def test_a_timetable_keeps_hours_that_no_clinic_gets_any_more() -> None:
    old = replace(CLINIC, starts_at=time(15), ends_at=time(16))
    days = (FURTHEST, FURTHEST)
    dearer = replace(old, fee_fen=6000, capacity=3)
    assert timetable_change_refusals(old, dearer, days, TODAY, is_offered=True) == []
    longer = replace(old, ends_at=time(17))
    assert timetable_change_refusals(old, longer, days, TODAY, is_offered=True) == [
        PlanRefusal.OUTSIDE_PERIOD
    ]


def test_every_reason_against_a_timetable_is_given_in_order_of_precedence() -> None:
    found = timetable_refusals(
        *(Clinic("", "", "morning", None, time(8), 1, -1), 0, (TODAY, TODAY), TODAY),
        has_department=False,
        is_offered=False,
    )
    assert found == [
        PlanRefusal.TITLE,
        PlanRefusal.HOURS,
        PlanRefusal.PLACES,
        PlanRefusal.DATES,
        PlanRefusal.UNKNOWN,
        PlanRefusal.TITLE_NOT_OFFERED,
    ]


@pytest.mark.parametrize(
    ("has_department", "is_offered", "refused"),
    [
        (False, True, [PlanRefusal.UNKNOWN]),
        (True, False, [PlanRefusal.TITLE_NOT_OFFERED]),
    ],
)
def test_a_timetable_needs_a_department_and_a_title_that_the_city_offers(
    has_department: bool, is_offered: bool, refused: list[PlanRefusal]
) -> None:
    found = timetable_refusals(
        *(CLINIC, 1, (TOMORROW, FURTHEST), TODAY),
        has_department=has_department,
        is_offered=is_offered,
    )
    assert found == refused


@pytest.mark.parametrize(
    ("last_days", "refused"),
    [
        ((TODAY, TODAY), []),
        ((YESTERDAY, TOMORROW), [PlanRefusal.ENDED]),
        ((TOMORROW, YESTERDAY), [PlanRefusal.ENDED]),
    ],
)
def test_a_timetable_that_has_ended_stays_ended_and_none_ends_before_today(
    last_days: tuple[date, date], refused: list[PlanRefusal]
) -> None:
    assert timetable_change_refusals(CLINIC, CLINIC, last_days, TODAY, is_offered=True) == refused


@pytest.mark.parametrize(
    ("title", "is_offered", "refused"),
    [
        ("医师", False, []),
        ("主任医师", True, []),
        ("主任医师", False, [PlanRefusal.TITLE_NOT_OFFERED]),
    ],
)
def test_a_timetable_keeps_a_title_that_is_no_longer_offered(
    title: str, is_offered: bool, refused: list[PlanRefusal]
) -> None:
    after = replace(CLINIC, title=title)
    days = (FURTHEST, FURTHEST)
    assert timetable_change_refusals(CLINIC, after, days, TODAY, is_offered=is_offered) == refused


def test_a_timetable_changes_only_to_a_clinic_that_may_be_held() -> None:
    after = replace(CLINIC, title="主任医师", ends_at=time(8))
    days = (YESTERDAY, TODAY)
    assert timetable_change_refusals(CLINIC, after, days, TODAY, is_offered=False) == [
        PlanRefusal.HOURS,
        PlanRefusal.ENDED,
        PlanRefusal.TITLE_NOT_OFFERED,
    ]


@pytest.mark.parametrize(
    ("last", "refused"),
    [
        (YESTERDAY, PlanRefusal.DATES),
        (TODAY, None),
        (FURTHEST - timedelta(days=1), None),
        (FURTHEST, PlanRefusal.DATES),
    ],
)
def test_a_timetable_can_end_from_today_on_and_only_earlier_than_planned(
    last: date, refused: PlanRefusal | None
) -> None:
    assert decide_timetable_end(FURTHEST, last, TODAY) is refused


@pytest.mark.parametrize(
    ("spans", "pairs"),
    [
        ([], []),
        ([(1, 3, "a"), (3, 5, "b")], []),
        ([(1, 4, "a"), (3, 5, "b")], [("b", "a")]),
        ([(3, 5, "b"), (1, 4, "a")], [("b", "a")]),
        # A long span overlaps all that begin before it is over.
        ([(1, 9, "a"), (2, 3, "b"), (4, 5, "c")], [("b", "a"), ("c", "a")]),
        ([(1, 3, "a"), (2, 6, "b"), (5, 7, "c")], [("b", "a"), ("c", "b")]),
        # Of two that begin together, the longer is the later.
        ([(1, 9, "a"), (1, 2, "b")], [("a", "b")]),
        ([(1, 2, "b"), (1, 9, "a"), (3, 4, "c")], [("a", "b"), ("c", "a")]),
        # Keys need not be comparable.
        ([(1, 2, None), (1, 2, None)], [(None, None)]),
        # Where two end together, the first is named.
        ([(1, 5, "a"), (2, 5, "b"), (3, 4, "c")], [("b", "a"), ("c", "a")]),
    ],
)
def test_a_span_overlaps_one_that_is_not_over_when_it_begins(
    spans: list[tuple[int, int, str]], pairs: list[tuple[str, str]]
) -> None:
    assert overlapping(spans) == pairs
