"""Many sessions at once: what a copy becomes, and what an undone act leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.supply.bulk import (
    SESSIONS_MAX,
    TARGETS_MAX,
    UNDO_FOR,
    BulkRefusal,
    Change,
    CopyFate,
    UndoFate,
    decide_copy,
    decide_undo,
    refused_act,
    refused_act_undo,
    refused_change,
    refused_dates,
    refused_number,
    refused_weeks,
)
from guahao.rules.supply.calendar import CalendarDay, CalendarSource
from guahao.rules.supply.changes import (
    SessionRefusal,
    SessionRefused,
    SessionTerms,
    StoredSession,
)
from guahao.rules.supply.planning import FEE_MAX_FEN

TODAY = date(2026, 11, 30)
DAY = date(2026, 12, 10)
AT = datetime(2026, 11, 30, 9, tzinfo=CITY_TIME)
TITLE = "主任医师"
TERMS = SessionTerms(1, TITLE, "高血压", DAY, "morning", time(8), time(10), 8000, 20)
OPEN = CalendarDay(DAY, 4, CalendarSource.WEEKDAY)
OFF = CalendarDay(DAY, None, CalendarSource.CITY)
LATER = replace(TERMS, starts_at=time(9))
NEXT_SLOT = replace(TERMS, starts_at=time(10), ends_at=time(12))


@pytest.mark.parametrize(
    ("wanted", "day", "there", "becomes"),
    [
        (TERMS, OPEN, [], CopyFate.NEW),
        (TERMS, OPEN, [TERMS], CopyFate.EXISTS),
        (TERMS, OPEN, [replace(TERMS, capacity=5, fee_fen=1)], CopyFate.EXISTS),
        (TERMS, OFF, [TERMS], CopyFate.EXISTS),
        (TERMS, OPEN, [LATER], CopyFate.COLLIDES),
        (TERMS, OPEN, [NEXT_SLOT, LATER], CopyFate.COLLIDES),
        (TERMS, OPEN, [replace(LATER, starts_at=None, ends_at=None)], CopyFate.COLLIDES),
        (TERMS, OPEN, [NEXT_SLOT], CopyFate.NEW),
        (replace(TERMS, period="afternoon"), OPEN, [], SessionRefusal.OUTSIDE_PERIOD),
        (replace(TERMS, ends_at=time(8)), OPEN, [], SessionRefusal.HOURS),
        (TERMS, OPEN, [replace(TERMS, period="evening")], CopyFate.NEW),
        (TERMS, OPEN, [replace(TERMS, specialty="冠心病")], CopyFate.NEW),
        (TERMS, OFF, [], CopyFate.DAY_OFF),
        (TERMS, OFF, [LATER], CopyFate.DAY_OFF),
        (replace(TERMS, visit_date=TODAY), OPEN, [], SessionRefusal.PAST),
        (replace(TERMS, visit_date=TODAY + timedelta(367)), OPEN, [], SessionRefusal.TOO_FAR),
        (replace(TERMS, title="城里没有"), OPEN, [], SessionRefusal.TITLE_NOT_OFFERED),
    ],
)
def test_what_a_copy_becomes(
    wanted: SessionTerms,
    day: CalendarDay,
    there: list[SessionTerms],
    becomes: CopyFate | SessionRefusal,
) -> None:
    outcome = decide_copy(wanted, day, there, {TITLE}, TODAY)
    assert (outcome.reason if isinstance(outcome, SessionRefused) else outcome) == becomes


MORE = replace(TERMS, capacity=30)
DEARER = replace(TERMS, fee_fen=9000)


@pytest.mark.parametrize(
    ("before", "after", "known", "fate", "wanted"),
    [
        (TERMS, MORE, StoredSession(MORE, 3, stopped=False), UndoFate.RESTORED, TERMS),
        (TERMS, MORE, StoredSession(MORE, 25, stopped=False), UndoFate.REFUSED, None),
        (TERMS, DEARER, StoredSession(DEARER, 1, stopped=False), UndoFate.REFUSED, None),
        (TERMS, DEARER, StoredSession(DEARER, 0, stopped=False), UndoFate.RESTORED, TERMS),
        (TERMS, MORE, StoredSession(DEARER, 0, stopped=False), UndoFate.CHANGED_SINCE, None),
        (TERMS, MORE, StoredSession(MORE, 0, stopped=True), UndoFate.CHANGED_SINCE, None),
        (TERMS, MORE, None, UndoFate.GONE, None),
        (None, TERMS, StoredSession(TERMS, 0, stopped=False, ever_booked=False), "removed", None),
        (
            *(None, TERMS, StoredSession(TERMS, 2, stopped=False)),
            *(UndoFate.CLOSED, replace(TERMS, capacity=2)),
        ),
        (None, TERMS, StoredSession(MORE, 0, stopped=False), UndoFate.CHANGED_SINCE, None),
        (None, TERMS, None, UndoFate.GONE, None),
    ],
)
def test_what_an_undone_act_leaves(
    before: SessionTerms | None,
    after: SessionTerms,
    known: StoredSession | None,
    fate: UndoFate,
    wanted: SessionTerms | None,
) -> None:
    assert decide_undo(before, after, known, TODAY) == (fate, wanted)


@given(
    booked=st.integers(0, 40),
    places=st.integers(0, 40),
    before=st.integers(0, 40),
    made=st.booleans(),
)
def test_undoing_never_takes_a_booked_place(
    booked: int, places: int, before: int, made: bool
) -> None:
    after = replace(TERMS, capacity=max(places, booked))
    known = StoredSession(after, booked, stopped=False, ever_booked=booked > 0)
    was = None if made else replace(TERMS, capacity=before)
    fate, wanted = decide_undo(was, after, known, TODAY)
    assert wanted is None or wanted.capacity >= booked
    assert fate is not UndoFate.REMOVED or booked == 0


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (Change(), BulkRefusal.WANTED),
        (Change(capacity=-1), BulkRefusal.PLACES),
        (Change(capacity=1001), BulkRefusal.PLACES),
        (Change(fee_fen=-1), BulkRefusal.FEE),
        (Change(capacity=1001, fee_fen=-1), BulkRefusal.PLACES),
        (Change(fee_fen=FEE_MAX_FEN + 1), BulkRefusal.FEE),
        (Change(capacity=0), None),
        (Change(fee_fen=0), None),
        (Change(capacity=1000, fee_fen=FEE_MAX_FEN), None),
        (Change(title=TITLE), None),
    ],
)
def test_a_change_says_what(change: Change, refused: BulkRefusal | None) -> None:
    assert refused_change(change) is refused


def test_a_session_gets_what_the_change_names_and_nothing_else() -> None:
    assert Change().of(TERMS) == TERMS
    assert Change(capacity=0).of(TERMS) == replace(TERMS, capacity=0)
    assert Change(fee_fen=0).of(TERMS) == replace(TERMS, fee_fen=0)
    assert Change(title="医师").of(TERMS) == replace(TERMS, title="医师")


def test_undoing_a_change_that_changed_nothing_restores_nothing() -> None:
    known = StoredSession(TERMS, 3, stopped=False)
    assert decide_undo(TERMS, TERMS, known, TODAY) == (UndoFate.RESTORED, None)


def test_the_bounds_of_an_act_on_many_sessions() -> None:
    assert (SESSIONS_MAX, TARGETS_MAX, timedelta(hours=24)) == (2000, 12, UNDO_FOR)


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        (DAY, DAY - timedelta(1), BulkRefusal.DATES),
        (TODAY - timedelta(2), TODAY - timedelta(1), BulkRefusal.DATES),
        (TODAY - timedelta(2), TODAY, None),
        (DAY, DAY, None),
    ],
)
def test_sessions_are_changed_of_dates_that_are_not_over(
    first: date, last: date, refused: BulkRefusal | None
) -> None:
    assert refused_dates(first, last, TODAY) is refused


@pytest.mark.parametrize(
    ("sessions", "refused"),
    [(2001, BulkRefusal.TOO_MANY), (2000, None), (1, None), (0, BulkRefusal.NOTHING)],
)
def test_an_act_is_on_some_sessions_and_not_too_many(
    sessions: int, refused: BulkRefusal | None
) -> None:
    assert refused_number(sessions) is refused


@pytest.mark.parametrize(
    ("differing", "seen_current", "refused"),
    [
        (0, False, BulkRefusal.CHANGED_MEANWHILE),
        (1, False, BulkRefusal.CHANGED_MEANWHILE),
        (0, True, BulkRefusal.NOTHING),
        (1, True, None),
    ],
)
def test_an_act_does_what_was_shown_and_something(
    differing: int, seen_current: bool, refused: BulkRefusal | None
) -> None:
    assert refused_act(differing, seen_current=seen_current) is refused


def test_a_week_is_copied_to_a_few_others() -> None:
    monday = date(2026, 12, 7)
    weeks = [monday + timedelta(weeks=n) for n in range(14)]
    assert refused_weeks(monday, []) is BulkRefusal.DATES
    assert refused_weeks(monday, [monday]) is BulkRefusal.DATES
    assert refused_weeks(monday, weeks[1:14]) is BulkRefusal.DATES
    assert refused_weeks(monday, weeks[1:2]) is None
    assert refused_weeks(monday, weeks[1:13]) is None


def test_an_act_is_undone_once_and_within_a_day() -> None:
    assert refused_act_undo(AT, None, AT) is None
    last = AT + UNDO_FOR - timedelta(microseconds=1)
    assert refused_act_undo(AT, None, last) is None
    assert refused_act_undo(AT, None, AT + UNDO_FOR) is BulkRefusal.UNDO_TOO_LATE
    assert refused_act_undo(AT, AT, AT) is BulkRefusal.UNDONE
