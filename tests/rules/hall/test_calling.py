"""Whose turn it is, what a clerk's act makes of a number, and reports in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.hall.calling import (
    BEHIND,
    BEHIND_MAX,
    QueueAct,
    QueueCallRefusal,
    QueueEntry,
    QueueRefusal,
    QueueReport,
    QueueSession,
    QueueState,
    before,
    call_next,
    decide_call,
    decide_calling,
    decide_report,
    in_order,
    picked_up,
    queued,
)
from guahao.rules.kernel.limits import CITY_TIME

DAY = date(2026, 12, 3)
EIGHT = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)
NINE = EIGHT + timedelta(hours=1)
TODAY = QueueSession(DAY, is_stopped=False)
EXPECTED, WAITING, CALLED, PASSED, SEEN = QueueState


def entry(number: int, state: QueueState = WAITING, room: str = "") -> QueueEntry:
    return QueueEntry(number * 100, number, state, EIGHT, turn=number, room=room)


def numbers(entries: list[QueueEntry]) -> list[int | None]:
    return [entry.number for entry in in_order(entries)]


@pytest.mark.parametrize(
    ("session", "refused"),
    [
        (None, QueueCallRefusal.UNKNOWN),
        (QueueSession(date(2026, 12, 2), is_stopped=True), QueueCallRefusal.NOT_TODAY),
        (QueueSession(date(2026, 12, 4), is_stopped=False), QueueCallRefusal.NOT_TODAY),
        (QueueSession(DAY, is_stopped=True), QueueCallRefusal.STOPPED),
        (TODAY, None),
    ],
)
def test_only_today_s_sessions_that_are_held_are_called(
    session: QueueSession | None, refused: QueueCallRefusal | None
) -> None:
    assert decide_calling(session, DAY) == refused


def test_the_next_of_those_who_are_here_is_called_and_the_last_was_seen() -> None:
    queue = [
        entry(1, CALLED, "3"),
        entry(2, EXPECTED),
        entry(3, CALLED, "5"),
        entry(4),
        entry(5),
        replace(entry(6), number=None),
    ]
    changed = call_next(queue, "3", NINE)
    assert not isinstance(changed, QueueCallRefusal)
    assert [(e.number, e.state, e.room) for e in changed] == [(1, SEEN, "3"), (4, CALLED, "3")]


def test_nobody_is_called_where_nobody_waits() -> None:
    for queue in ([], [entry(1, EXPECTED)], [entry(1, SEEN)], [entry(1, CALLED, "3")]):
        assert call_next(queue, "3", NINE) is QueueCallRefusal.NOBODY_WAITS


REPEATED = None
CHANGED = QueueCallRefusal.CHANGED_MEANWHILE
TABLE: dict[QueueAct, dict[QueueState, object]] = {
    QueueAct.AGAIN: {WAITING: CHANGED, CALLED: CALLED, PASSED: CALLED, SEEN: CHANGED},
    QueueAct.SKIP: {WAITING: CHANGED, CALLED: PASSED, PASSED: REPEATED, SEEN: CHANGED},
    QueueAct.DONE: {WAITING: CHANGED, CALLED: SEEN, PASSED: SEEN, SEEN: REPEATED},
    QueueAct.REQUEUE: {WAITING: REPEATED, CALLED: CHANGED, PASSED: WAITING, SEEN: WAITING},
}


@pytest.mark.parametrize("call", QueueAct)
@pytest.mark.parametrize("state", QueueState)
def test_what_a_clerk_s_act_makes_of_each_state(call: QueueAct, state: QueueState) -> None:
    outcome = decide_call([], entry(1, state), call, 3, NINE)
    expected = QueueCallRefusal.UNKNOWN if state is EXPECTED else TABLE[call][state]
    got = outcome.state if isinstance(outcome, QueueEntry) else outcome
    assert got == expected
    assert decide_call([], None, call, 3, NINE) is QueueCallRefusal.UNKNOWN


def test_who_missed_the_call_is_put_behind_so_many_who_wait() -> None:
    waiting = [entry(n) for n in (11, 12, 14, 15)]
    for behind, expected in [
        (1, [11, 7, 12, 14, 15]),
        (3, [11, 12, 14, 7, 15]),
        (9, [11, 12, 14, 15, 7]),
    ]:
        back = queued(waiting, entry(7, PASSED), behind, NINE, NINE)
        assert numbers([*waiting, back]) == expected
    assert numbers([queued([], entry(7, PASSED), 3, NINE, NINE)]) == [7]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=30))
def test_whoever_is_put_back_waits_behind_so_many_however_often_it_happens(
    acts: list[tuple[int, int]],
) -> None:
    queue = [entry(n) for n in range(1, 11)]
    for moment, (place, behind) in enumerate(acts):
        at = EIGHT + timedelta(minutes=moment)
        others = [e for i, e in enumerate(queue) if i != place]
        queue[place] = queued(others, replace(queue[place], state=PASSED), behind, at, at)
        assert before(queue, queue[place]) >= min(behind, len(others))
        assert len(in_order(queue)) == len(queue)


@pytest.mark.parametrize(
    ("range_ends", "expected"),
    [
        (time(9, 10), [4, 11, 12, 13, 14]),
        (time(9, 0), [11, 12, 13, 4, 14]),
        (None, [4, 11, 12, 13, 14]),
    ],
)
def test_who_picks_up_after_their_time_range_comes_after_three_others(
    range_ends: time | None, expected: list[int]
) -> None:
    waiting = [entry(n) for n in (11, 12, 13, 14)]
    own = picked_up(waiting, entry(4, EXPECTED), range_ends, NINE)
    assert numbers([*waiting, own]) == expected


def test_how_many_are_called_before_a_person() -> None:
    queue = [entry(1, CALLED, "3"), entry(2, EXPECTED), entry(3), entry(4), entry(5, PASSED)]
    assert before(queue, entry(5)) == 2
    assert before(queue, entry(3)) == 0


def report(state: QueueState, minutes: float = 0, **more: object) -> QueueReport:
    return QueueReport(100, NINE + timedelta(minutes=minutes), state, **more)  # type: ignore[arg-type]


WRONG_DAY = QueueRefusal.WRONG_DAY
OWN = replace(entry(1), number=None, turn=0)


@pytest.mark.parametrize(
    ("own", "said", "refused"),
    [
        (None, report(CALLED), QueueRefusal.NOT_PICKED_UP),
        (entry(1, EXPECTED), report(CALLED, 1e6), QueueRefusal.NOT_PICKED_UP),
        (entry(1), report(CALLED, -1440, number=2), QueueRefusal.WRONG_DAY),
        (entry(1), QueueReport(100, datetime.min.replace(tzinfo=UTC), CALLED), WRONG_DAY),
        (entry(1), QueueReport(100, datetime.max.replace(tzinfo=UTC), CALLED), WRONG_DAY),
        (entry(1), report(CALLED, 2.01, number=2), QueueRefusal.AHEAD),
        (entry(1), report(CALLED, number=2), QueueRefusal.NUMBER_FIXED),
        (OWN, report(CALLED, number=2), QueueRefusal.NUMBER_TAKEN),
    ],
)
def test_reports_that_are_refused_in_the_order_of_precedence(
    own: QueueEntry | None, said: QueueReport, refused: QueueRefusal
) -> None:
    assert decide_report([entry(2)], TODAY, own, said, NINE) is refused


def test_a_hospital_s_clock_may_be_two_minutes_ahead() -> None:
    after = decide_report([], TODAY, entry(1), report(CALLED, 2), NINE)
    assert isinstance(after, QueueEntry)
    assert (after.state, after.state_at) == (CALLED, NINE + timedelta(minutes=2))


def test_a_report_of_the_day_is_taken_until_its_midnight() -> None:
    last = datetime(2026, 12, 3, 23, 59, tzinfo=CITY_TIME)
    said = QueueReport(100, last, SEEN)
    assert isinstance(decide_report([], TODAY, entry(1), said, last), QueueEntry)
    later = last + timedelta(hours=10)
    assert isinstance(decide_report([], TODAY, entry(1), said, later), QueueEntry)
    assert decide_report([], TODAY, entry(1), replace(said, at=later), later) is WRONG_DAY
    # A day apart and no more is looked up in the calendar.
    day_after = last + timedelta(days=1)
    assert isinstance(decide_report([], TODAY, entry(1), said, day_after), QueueEntry)
    longer = day_after + timedelta(seconds=1)
    assert decide_report([], TODAY, entry(1), said, longer) is WRONG_DAY


def test_a_number_is_not_refused_for_the_person_s_own_entry() -> None:
    queue = [entry(1), entry(2)]
    said = report(CALLED, number=1, room="3")
    after = decide_report(queue, TODAY, entry(1), said, NINE)
    assert after == replace(entry(1), state=CALLED, state_at=NINE, room="3")


def test_a_number_comes_with_an_old_report_too() -> None:
    """What it says of the state is over, but the number holds."""
    called = replace(OWN, state=CALLED, state_at=NINE, room="3")
    after = decide_report([], TODAY, called, report(WAITING, -5, number=7), NINE)
    assert after == replace(called, number=7, turn=7)
    # Somebody who was put back stays where they stand.
    back = replace(OWN, turn=12, requeued_at=EIGHT)
    after = decide_report([], TODAY, back, report(WAITING, -120, number=7), NINE)
    assert after == replace(back, number=7)


def test_a_report_without_a_number_gives_none() -> None:
    after = decide_report([], TODAY, OWN, report(CALLED, room="3"), NINE)
    assert after == replace(OWN, state=CALLED, state_at=NINE, room="3")
    # Who has no number stands before the first.
    assert QueueEntry(100, None, WAITING, EIGHT).turn == 0


def test_of_two_who_were_put_back_at_once_the_lower_number_is_called_first() -> None:
    first, second = (replace(entry(n), turn=11, requeued_at=NINE) for n in (4, 7))
    assert numbers([second, entry(12), first, entry(11)]) == [11, 4, 7, 12]
    assert before([first, second], second) == 1


def test_of_two_reports_of_one_moment_the_one_that_is_further_on_holds() -> None:
    states = [WAITING, CALLED, PASSED, SEEN]
    for before_it, state in [(a, b) for n, a in enumerate(states) for b in states[n + 1 :]]:
        own = replace(entry(1), state=before_it, state_at=NINE)
        further = decide_report([], TODAY, own, report(state), NINE)
        assert isinstance(further, QueueEntry)
        assert further.state is state
        own = replace(entry(1), state=state, state_at=NINE)
        assert decide_report([], TODAY, own, report(before_it), NINE) == own


def test_who_is_reported_to_wait_again_stands_behind_three_others() -> None:
    waiting = [entry(n) for n in (11, 12, 13, 14)]
    passed = entry(4, PASSED, "3")
    back = decide_report(waiting, TODAY, passed, report(WAITING, -1, room="3"), NINE)
    assert isinstance(back, QueueEntry)
    assert numbers([*waiting, back]) == [11, 12, 13, 4, 14]
    assert (back.room, back.state_at) == ("", NINE - timedelta(minutes=1))
    assert back.requeued_at == NINE
    # Who waits already and is reported so stays where they stand.
    still = decide_report(waiting, TODAY, entry(4), report(WAITING, room="3"), NINE)
    assert still == replace(entry(4), state_at=NINE)


def test_who_is_put_back_twice_stands_behind_the_one_before_them() -> None:
    waiting = [entry(n) for n in (11, 12, 13)]
    first = queued(waiting, entry(7, PASSED), 2, EIGHT, EIGHT)
    second = queued([*waiting, first], entry(6, PASSED), 2, NINE, NINE)
    assert numbers([*waiting, first, second]) == [11, 12, 7, 6, 13]
    # Their own entry is none of those whom they stand behind.
    again = queued([*waiting, first], first, 2, NINE, NINE)
    assert numbers([*waiting, again]) == [11, 12, 7, 13]
    assert again.room == ""


def test_three_are_let_pass_and_a_hospital_may_say_up_to_twenty() -> None:
    assert (BEHIND, BEHIND_MAX) == (3, 20)


def test_a_hospital_s_own_number_is_where_the_person_stands() -> None:
    after = decide_report([entry(2), entry(9)], TODAY, OWN, report(WAITING, number=5), NINE)
    assert isinstance(after, QueueEntry)
    assert numbers([entry(2), entry(9), after]) == [2, 5, 9]
    assert decide_report([entry(2), after], TODAY, after, report(WAITING, number=5), NINE) == after


@given(
    st.lists(
        st.tuples(
            st.integers(-50, 1),
            st.sampled_from([WAITING, CALLED, PASSED, SEEN]),
            st.sampled_from(["", "3", "5"]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_reports_in_any_order_and_twice_lead_to_the_same_state(
    said: list[tuple[int, QueueState, str]], random: object
) -> None:
    reports = [report(state, minutes, room=room) for minutes, state, room in said]
    again = [*reports, *reports]
    random.shuffle(again)  # type: ignore[attr-defined]
    finals = set()
    for order in (reports, again):
        own = entry(1)
        for each in order:
            after = decide_report([own], TODAY, own, each, NINE)
            assert isinstance(after, QueueEntry)
            own = after
        finals.add((own.state, own.state_at, own.room))
    assert len(finals) == 1
