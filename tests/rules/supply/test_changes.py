"""May a clinic session be made or changed: the one law for every way in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from guahao.rules.supply.changes import (
    PLANNED_DAYS,
    Clinic,
    SessionRefusal,
    SessionRefused,
    SessionTerms,
    StoredSession,
    UpsertResult,
    decide_following,
    decide_session,
    decide_withdrawal,
    differences,
    may_double,
    refusals,
)
from guahao.rules.supply.hours import Hours

TODAY = date(2026, 11, 30)
TOMORROW = TODAY + timedelta(days=1)
DAY = date(2026, 12, 3)
TITLES = {"主任医师", "医师"}
TERMS = SessionTerms(1, "主任医师", "", DAY, "morning", time(8), time(12), 8000, 20)
FREE = StoredSession(TERMS, booked=0, stopped=False, ever_booked=False)
BOOKED = replace(FREE, booked=5, ever_booked=True)
ONCE_BOOKED = replace(FREE, ever_booked=True)
STOPPED = replace(FREE, stopped=True)
PAST = replace(FREE, terms=replace(TERMS, visit_date=TODAY - timedelta(days=1)))
OF_TODAY = replace(FREE, terms=replace(TERMS, visit_date=TODAY))
UNLINKED = replace(FREE, linked=False)
OLD_HOURS = replace(FREE, terms=replace(TERMS, starts_at=time(15), ends_at=time(16)))
RETIRED = replace(FREE, terms=replace(TERMS, title="旧职称"))
CREATED, CHANGED, UNCHANGED = UpsertResult.CREATED, UpsertResult.CHANGED, UpsertResult.UNCHANGED


@pytest.mark.parametrize(
    ("known", "changes", "outcome"),
    [
        # In descending precedence.
        (None, {"starts_at": None, "title": "神医"}, SessionRefusal.HOURS),
        (None, {"ends_at": time(8), "visit_date": TODAY}, SessionRefusal.HOURS),
        (STOPPED, {"starts_at": None}, SessionRefusal.HOURS),
        (BOOKED, {"ends_at": time(7)}, SessionRefusal.HOURS),
        (None, {"starts_at": time(15), "ends_at": time(14)}, SessionRefusal.HOURS),
        (None, {"starts_at": time(15), "ends_at": None}, SessionRefusal.OUTSIDE_PERIOD),
        (None, {"period": "afternoon", "title": "神医"}, SessionRefusal.OUTSIDE_PERIOD),
        (FREE, {"period": "evening"}, SessionRefusal.OUTSIDE_PERIOD),
        (BOOKED, {"period": "afternoon"}, SessionRefusal.OUTSIDE_PERIOD),
        (STOPPED, {"period": "afternoon"}, SessionRefusal.OUTSIDE_PERIOD),
        (None, {"ends_at": None}, CREATED),
        (None, {"starts_at": None, "ends_at": None}, CREATED),
        # What is stored keeps the hours that it has.
        (OLD_HOURS, {"starts_at": time(15), "ends_at": time(16)}, UNCHANGED),
        (OLD_HOURS, {"starts_at": time(15), "ends_at": time(16), "capacity": 3}, CHANGED),
        (
            replace(OLD_HOURS, linked=False),
            {"starts_at": time(15), "ends_at": time(16), "fee_fen": 1},
            CHANGED,
        ),
        (
            OLD_HOURS,
            {"starts_at": time(15), "ends_at": time(17)},
            SessionRefusal.OUTSIDE_PERIOD,
        ),
        (OLD_HOURS, {}, CHANGED),
        (None, {}, CREATED),
        (None, {"visit_date": TOMORROW}, CREATED),
        (None, {"visit_date": TODAY}, SessionRefusal.PAST),
        (None, {"visit_date": TODAY - timedelta(days=1)}, SessionRefusal.PAST),
        (None, {"visit_date": TODAY + timedelta(days=PLANNED_DAYS)}, CREATED),
        (None, {"visit_date": TODAY + timedelta(days=PLANNED_DAYS + 1)}, SessionRefusal.TOO_FAR),
        (None, {"title": "神医"}, SessionRefusal.TITLE_NOT_OFFERED),
        (FREE, {}, UNCHANGED),
        (UNLINKED, {}, CHANGED),
        (UNLINKED, {"capacity": 3}, CHANGED),
        (replace(BOOKED, linked=False), {}, CHANGED),
        (replace(BOOKED, linked=False), {"fee_fen": 1}, SessionRefusal.TOLD),
        (FREE, {"visit_date": DAY + timedelta(days=1)}, CHANGED),
        (FREE, {"visit_date": TOMORROW}, CHANGED),
        (FREE, {"visit_date": TODAY}, SessionRefusal.PAST),
        (FREE, {"title": "神医"}, SessionRefusal.TITLE_NOT_OFFERED),
        (FREE, {"capacity": 0}, CHANGED),
        (RETIRED, {"title": "旧职称", "capacity": 3}, CHANGED),
        (RETIRED, {"title": "医师"}, CHANGED),
        (BOOKED, {"capacity": 5}, CHANGED),
        (BOOKED, {"capacity": 4}, SessionRefusal.BELOW_BOOKED),
        (BOOKED, {"capacity": 4, "fee_fen": 1}, SessionRefusal.TOLD),
        (BOOKED, {"department_id": 2}, SessionRefusal.TOLD),
        (BOOKED, {"visit_date": TOMORROW}, SessionRefusal.TOLD),
        (BOOKED, {"title": "医师"}, SessionRefusal.TOLD),
        (BOOKED, {"specialty": "x"}, SessionRefusal.TOLD),
        (BOOKED, {"period": "afternoon", "starts_at": time(11)}, SessionRefusal.TOLD),
        (BOOKED, {"starts_at": time(9)}, SessionRefusal.TOLD),
        (BOOKED, {"ends_at": None}, SessionRefusal.TOLD),
        # A cancelled booking binds the place and the day of its record, and nothing else.
        (ONCE_BOOKED, {"capacity": 0}, CHANGED),
        (ONCE_BOOKED, {"fee_fen": 1, "ends_at": None, "specialty": "x"}, CHANGED),
        (ONCE_BOOKED, {"department_id": 2}, SessionRefusal.TOLD),
        (ONCE_BOOKED, {"visit_date": TOMORROW}, SessionRefusal.TOLD),
        (STOPPED, {}, UNCHANGED),
        (STOPPED, {"capacity": 21}, SessionRefusal.STOPPED),
        (replace(BOOKED, stopped=True), {"capacity": 1}, SessionRefusal.STOPPED),
        (PAST, {}, SessionRefusal.PAST),
        (PAST, {"visit_date": TODAY - timedelta(days=1), "capacity": 3}, SessionRefusal.PAST),
        (OF_TODAY, {"visit_date": TODAY, "capacity": 3}, CHANGED),
        (OF_TODAY, {"visit_date": TOMORROW}, CHANGED),
    ],
)
def test_what_becomes_of_a_session(
    known: StoredSession | None,
    changes: dict[str, object],
    outcome: UpsertResult | SessionRefusal,
) -> None:
    wanted = replace(TERMS, **changes)  # type: ignore[arg-type]
    found = decide_session(wanted, known, TITLES, TODAY)
    assert (found.reason if isinstance(found, SessionRefused) else found) == outcome


def test_every_reason_is_given_in_order_of_precedence() -> None:
    wanted = replace(TERMS, title="神医", visit_date=TODAY, fee_fen=1, capacity=4)
    wanted = replace(wanted, ends_at=time(8))
    found = refusals(wanted, BOOKED, TITLES, TODAY)
    assert found == [
        SessionRefused(SessionRefusal.HOURS),
        SessionRefused(SessionRefusal.TITLE_NOT_OFFERED),
        SessionRefused(SessionRefusal.PAST),
        SessionRefused(SessionRefusal.TOLD, fields=("title", "visit_date", "ends_at", "fee_fen")),
        SessionRefused(SessionRefusal.BELOW_BOOKED, booked=5),
    ]
    order = [*SessionRefusal]
    assert sorted(found, key=lambda refused: order.index(refused.reason)) == found


def test_of_a_stopped_session_nothing_else_is_asked() -> None:
    wanted = replace(TERMS, fee_fen=1, capacity=4)
    stopped = replace(BOOKED, stopped=True)
    assert refusals(wanted, stopped, TITLES, TODAY) == [SessionRefused(SessionRefusal.STOPPED)]


def test_the_hours_of_a_clinic_are_its_sessions() -> None:
    assert TERMS.hours == Hours("morning", time(8), time(12))
    assert LATER.hours == Hours("afternoon", time(14), time(16))


LATER = Clinic("医师", "冠心病", "afternoon", time(14), time(16), 9000, 3)


@pytest.mark.parametrize(
    ("session", "taken_over"),
    [
        (FREE, SessionTerms(1, "医师", "冠心病", DAY, "afternoon", time(14), time(16), 9000, 3)),
        (
            ONCE_BOOKED,
            SessionTerms(1, "医师", "冠心病", DAY, "afternoon", time(14), time(16), 9000, 3),
        ),
        (BOOKED, replace(TERMS, capacity=5)),
        (replace(BOOKED, booked=2), replace(TERMS, capacity=3)),
        (STOPPED, SessionRefused(SessionRefusal.STOPPED)),
        (PAST, SessionRefused(SessionRefusal.PAST)),
    ],
)
def test_what_a_session_takes_over_of_its_timetables_change(
    session: StoredSession, taken_over: SessionTerms | SessionRefused
) -> None:
    assert decide_following(session, LATER, TODAY) == taken_over


OLD = replace(LATER, title="主任医师", specialty="", period="morning")  # from 14:00 on
HAS_OLD = replace(FREE, terms=replace(TERMS, starts_at=time(14), ends_at=time(16)))


@pytest.mark.parametrize(
    ("session", "taken_over"),
    [
        (HAS_OLD, replace(HAS_OLD.terms, fee_fen=9000, capacity=3)),
        # As what the timetable makes anew.
        (FREE, replace(HAS_OLD.terms, fee_fen=9000, capacity=3)),
        (ONCE_BOOKED, replace(HAS_OLD.terms, fee_fen=9000, capacity=3)),
        (BOOKED, replace(TERMS, capacity=5)),
        (STOPPED, SessionRefused(SessionRefusal.STOPPED)),
        (replace(STOPPED, terms=HAS_OLD.terms), SessionRefused(SessionRefusal.STOPPED)),
    ],
)
def test_sessions_take_over_the_old_hours_that_their_timetable_keeps(
    session: StoredSession, taken_over: SessionTerms | SessionRefused
) -> None:
    assert decide_following(session, OLD, TODAY) == taken_over


@pytest.mark.parametrize(
    ("session", "left"),
    [
        (FREE, None),
        (ONCE_BOOKED, replace(TERMS, capacity=0)),
        (BOOKED, replace(TERMS, capacity=5)),
        (STOPPED, SessionRefused(SessionRefusal.STOPPED)),
    ],
)
def test_what_an_ended_timetable_leaves(
    session: StoredSession, left: SessionTerms | SessionRefused | None
) -> None:
    assert decide_withdrawal(session, TODAY) == left


def test_what_changes_of_a_session_is_shown_before_and_after() -> None:
    assert differences(TERMS, TERMS) == {}
    after = replace(TERMS, fee_fen=9000, ends_at=None)
    assert differences(TERMS, after) == {"ends_at": [time(12), None], "fee_fen": [8000, 9000]}


def test_a_session_whose_bookings_were_not_read_is_taken_for_booked_before() -> None:
    unread = StoredSession(TERMS, booked=0, stopped=False)
    assert (unread.ever_booked, unread.linked) == (True, True)


@pytest.mark.parametrize(
    ("other", "doubles"),
    [
        ({}, True),
        ({"starts_at": time(9), "ends_at": time(13)}, True),
        ({"fee_fen": 6000, "capacity": 1}, True),
        ({"starts_at": time(12), "ends_at": None}, False),
        ({"period": "afternoon", "starts_at": None, "ends_at": None}, False),
        ({"title": "医师"}, False),
        ({"specialty": "高血压"}, False),
    ],
)
def test_two_sessions_may_be_one_clinic_planned_twice(other: dict[str, Any], doubles: bool) -> None:
    assert may_double(TERMS, replace(TERMS, **other)) is doubles
    assert may_double(replace(TERMS, **other), TERMS) is doubles
