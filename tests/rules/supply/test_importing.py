"""What may become of a row of an imported file, as the plan stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from guahao.rules.supply.importing import Conflict, RowFacts, RowRefusal, decide_row

TODAY = date(2026, 11, 30)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
OFFERED = {"医师", "主任医师"}

NEW_SESSION = RowFacts(
    sheet="出诊",
    row=7,
    department_id=1,
    is_bookable=True,
    title="医师",
    specialty="",
    period="morning",
    starts_at=time(8),
    ends_at=time(12),
    fee_fen=5000,
    capacity=20,
    visit_date=TOMORROW,
    iso_weekday=None,
    valid_from=None,
    valid_until=None,
    is_named=False,
    matches=0,
    booked=None,
    stopped=None,
    before_ends_at=None,
    before_fee_fen=None,
    before_capacity=None,
    before_valid_until=None,
)
FREE_SESSION = replace(
    NEW_SESSION,
    capacity=30,
    matches=1,
    booked=0,
    stopped=False,
    before_ends_at=time(12),
    before_fee_fen=5000,
    before_capacity=20,
)
BOOKED_SESSION = replace(FREE_SESSION, booked=5)
NEW_TIMETABLE = replace(
    NEW_SESSION, visit_date=None, iso_weekday=1, valid_from=TOMORROW, valid_until=date.max
)
TIMETABLE = replace(
    NEW_TIMETABLE,
    valid_from=date(2026, 1, 1),
    matches=1,
    before_ends_at=time(12),
    before_fee_fen=5000,
    before_capacity=20,
    before_valid_until=date(2027, 1, 31),
)


def conflict(
    word: RowRefusal,
    number: int | None = None,
    until: str | None = None,
    since: str | None = None,
) -> Conflict:
    return Conflict("出诊", 7, word, number, since, until)


NOT_OFFERED = conflict(RowRefusal.TITLE_NOT_OFFERED)
OUTSIDE_MORNING = conflict(RowRefusal.OUTSIDE_PERIOD, since="05:00", until="12:59")
OLD_HOURS = {"starts_at": time(15), "ends_at": time(16), "before_ends_at": time(16)}
HOURS: list[tuple[dict[str, object], list[Conflict]]] = [
    ({"starts_at": None}, [conflict(RowRefusal.END_WITHOUT_START)]),
    ({"ends_at": time(8)}, [conflict(RowRefusal.END_BEFORE_START)]),
    ({"starts_at": time(13), "ends_at": None}, [OUTSIDE_MORNING]),
    ({"starts_at": time(13), "ends_at": time(14), "title": "神医"}, [OUTSIDE_MORNING, NOT_OFFERED]),
    (
        {"period": "afternoon"},
        [conflict(RowRefusal.OUTSIDE_PERIOD, since="11:00", until="18:59")],
    ),
    ({"ends_at": None}, []),
    ({"starts_at": None, "ends_at": None}, []),
]


@pytest.mark.parametrize(("changes", "conflicts"), HOURS)
@pytest.mark.parametrize("is_weekly", [False, True])
def test_a_new_row_has_hours_that_a_session_may_have(
    changes: dict[str, object], conflicts: list[Conflict], is_weekly: bool
) -> None:
    row = replace(NEW_TIMETABLE if is_weekly else NEW_SESSION, **changes)  # type: ignore[arg-type]
    assert decide_row(row, OFFERED, TODAY) == conflicts


@pytest.mark.parametrize("is_weekly", [False, True])
def test_what_is_planned_keeps_hours_that_no_new_row_gets(is_weekly: bool) -> None:
    row = replace(TIMETABLE if is_weekly else FREE_SESSION, **OLD_HOURS)  # type: ignore[arg-type]
    assert decide_row(row, OFFERED, TODAY) == []
    assert decide_row(replace(row, ends_at=time(17)), OFFERED, TODAY) == [OUTSIDE_MORNING]


@pytest.mark.parametrize(
    ("row", "changes", "conflicts"),
    [
        (NEW_SESSION, {}, []),
        (NEW_SESSION, {"visit_date": TODAY}, [conflict(RowRefusal.DATE_TODAY)]),
        (NEW_SESSION, {"visit_date": YESTERDAY}, [conflict(RowRefusal.DATE_PAST)]),
        (NEW_SESSION, {"visit_date": TODAY + timedelta(days=366)}, []),
        (
            NEW_SESSION,
            {"visit_date": TODAY + timedelta(days=367)},
            [conflict(RowRefusal.DATE_TOO_FAR)],
        ),
        (NEW_SESSION, {"title": "神医"}, [conflict(RowRefusal.TITLE_NOT_OFFERED)]),
        (FREE_SESSION, {}, []),
        # Its date stays: today's session may still get more places.
        (FREE_SESSION, {"visit_date": TODAY}, []),
        (FREE_SESSION, {"visit_date": YESTERDAY}, [conflict(RowRefusal.DATE_PAST)]),
        # The session has its title already.
        (FREE_SESSION, {"title": "神医"}, []),
        (FREE_SESSION, {"stopped": True}, [conflict(RowRefusal.SESSION_STOPPED)]),
        (FREE_SESSION, {"fee_fen": 6000, "ends_at": time(11)}, []),
        (BOOKED_SESSION, {"fee_fen": 6000}, [conflict(RowRefusal.FEE_IS_TOLD, 5000)]),
        (
            BOOKED_SESSION,
            {"ends_at": time(11)},
            [conflict(RowRefusal.HOURS_ARE_TOLD, until="12:00")],
        ),
        (
            BOOKED_SESSION,
            {"before_ends_at": None},
            [conflict(RowRefusal.HOURS_ARE_TOLD)],
        ),
        (
            BOOKED_SESSION,
            {"fee_fen": 6000, "ends_at": None, "capacity": 4},
            [
                conflict(RowRefusal.FEE_IS_TOLD, 5000),
                conflict(RowRefusal.HOURS_ARE_TOLD, until="12:00"),
                conflict(RowRefusal.BELOW_BOOKED, 5),
            ],
        ),
        (BOOKED_SESSION, {"capacity": 5}, []),
        # What the file calls a session of the plan must be one.
        (NEW_SESSION, {"is_named": True}, [conflict(RowRefusal.UNKNOWN_SESSION)]),
        (FREE_SESSION, {"is_named": True}, []),
        (NEW_SESSION, {"is_bookable": False}, [conflict(RowRefusal.UNKNOWN_DEPARTMENT)]),
        (FREE_SESSION, {"matches": 2}, [conflict(RowRefusal.AMBIGUOUS, 2)]),
        (
            NEW_SESSION,
            {"is_named": True, "is_bookable": False, "visit_date": TODAY},
            [
                conflict(RowRefusal.UNKNOWN_SESSION),
                conflict(RowRefusal.UNKNOWN_DEPARTMENT),
                conflict(RowRefusal.DATE_TODAY),
            ],
        ),
    ],
)
def test_everything_against_a_session_s_row_is_given(
    row: RowFacts, changes: dict[str, object], conflicts: list[Conflict]
) -> None:
    changed = replace(row, **changes)  # type: ignore[arg-type]
    assert decide_row(changed, OFFERED, TODAY) == conflicts


@pytest.mark.parametrize(
    ("row", "changes", "conflicts"),
    [
        (NEW_TIMETABLE, {}, []),
        (NEW_TIMETABLE, {"valid_from": TODAY}, [conflict(RowRefusal.DATE_TODAY)]),
        (NEW_TIMETABLE, {"valid_from": YESTERDAY}, [conflict(RowRefusal.DATE_PAST)]),
        (NEW_TIMETABLE, {"title": "神医"}, [conflict(RowRefusal.TITLE_NOT_OFFERED)]),
        (
            NEW_TIMETABLE,
            {"is_bookable": False},
            [conflict(RowRefusal.UNKNOWN_DEPARTMENT)],
        ),
        (TIMETABLE, {}, []),
        (TIMETABLE, {"capacity": 1, "fee_fen": 1, "ends_at": None}, []),
        (TIMETABLE, {"title": "神医"}, []),
        (TIMETABLE, {"valid_until": TODAY}, []),
        (
            TIMETABLE,
            {"valid_until": YESTERDAY},
            [conflict(RowRefusal.ENDED, until="2027-01-31")],
        ),
        (
            TIMETABLE,
            {"before_valid_until": YESTERDAY},
            [conflict(RowRefusal.ENDED, until="2026-11-29")],
        ),
        (TIMETABLE, {"matches": 3}, [conflict(RowRefusal.AMBIGUOUS, 3)]),
        # What is wrong with a row by itself was said when it was read.
        (TIMETABLE, {"capacity": -1}, []),
        # Of a timetable that is not known it is a new one.
        (TIMETABLE, {"before_fee_fen": None}, [conflict(RowRefusal.DATE_PAST)]),
        (TIMETABLE, {"before_valid_until": None}, [conflict(RowRefusal.DATE_PAST)]),
    ],
)
def test_everything_against_a_timetable_s_row_is_given(
    row: RowFacts, changes: dict[str, object], conflicts: list[Conflict]
) -> None:
    changed = replace(row, **changes)  # type: ignore[arg-type]
    assert decide_row(changed, OFFERED, TODAY) == conflicts


@pytest.mark.parametrize(
    "unknown", [{"matches": 0}, {"before_fee_fen": None}, {"before_capacity": None}]
)
def test_a_row_has_a_clinic_before_only_if_a_session_matches_it(
    unknown: dict[str, object],
) -> None:
    assert replace(BOOKED_SESSION, **unknown).clinic_before is None  # type: ignore[arg-type]
    before = BOOKED_SESSION.clinic_before
    assert before == replace(BOOKED_SESSION.clinic, capacity=20)
