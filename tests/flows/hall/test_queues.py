"""Queue numbers from pick-up to the doctor's door, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from tests.city import Clock, ask, change, open_platform
from tests.flows.hall.hall_city import VISIT, Clinic, add_clinic

from guahao.flows.attendance.window import correct, enter_from_paper
from guahao.flows.hall import queues
from guahao.flows.kernel.platform import Platform
from guahao.rules.hall import calling as rules
from guahao.rules.hall.calling import (
    QueueAct,
    QueueCallRefusal,
    QueueRefusal,
    QueueReport,
    QueueState,
)
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.store.hall.queues import QueueNotice, save
from guahao.store.hall.queues import entries as entries_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def clinic(platform: Platform, clock: Clock) -> Clinic:
    return await add_clinic(platform, clock)


async def next_number(clinic: Clinic, room: str = "3") -> int | QueueCallRefusal:
    outcome = await queues.call_next(clinic.platform, clinic.clerk, clinic.session_id, room)
    return outcome.reason if isinstance(outcome, Refused) else outcome


async def do(clinic: Clinic, place: int, act: QueueAct, behind: int = 3) -> object:
    outcome = await queues.call(
        clinic.platform, clinic.clerk, clinic.session_id, clinic.bookings[place - 1], act, behind
    )
    return outcome.reason if isinstance(outcome, Refused) else outcome


async def last_actions(clinic: Clinic, count: int) -> list[str]:
    rows = await ask(
        clinic.platform, "SELECT action FROM audit_trail ORDER BY seq DESC LIMIT %s", count
    )
    return [row[0] for row in rows]


# Numbers --------------------------------------------------------------------------------------


async def test_numbers_are_in_the_order_of_booking_whoever_comes_first(clinic: Clinic) -> None:
    await clinic.pick_up(3, 1)
    assert await clinic.numbers() == {1: 1, 3: 3}
    place = (await queues.own_places(clinic.platform, clinic.bookings))[clinic.bookings[2]]
    assert (place.number, place.state) == (3, "waiting")
    assert (f"{place.comes_from:%H:%M}", f"{place.comes_until:%H:%M}") == ("08:30", "08:40")


async def test_a_cancelled_booking_leaves_no_number_and_who_joins_later_stands_behind(
    clinic: Clinic,
) -> None:
    await change(
        clinic.platform,
        f"UPDATE appointments SET status = 'cancelled' WHERE id = {clinic.bookings[1]}",
    )
    await clinic.pick_up(4)
    assert await clinic.numbers() == {4: 3}
    # Restored on the day, after the numbers were laid down.
    await change(
        clinic.platform,
        f"UPDATE appointments SET status = 'booked' WHERE id = {clinic.bookings[1]}",
    )
    await clinic.pick_up(2, 1)
    assert await clinic.numbers() == {1: 1, 2: 4, 4: 3}


async def test_a_pick_up_taken_back_and_made_again_has_the_same_number(clinic: Clinic) -> None:
    await clinic.pick_up(2)
    taken_back = await correct(clinic.platform, clinic.clerk, clinic.bookings[1], "取错了")
    assert taken_back is DONE
    assert await clinic.numbers() == {}
    assert await next_number(clinic) is QueueCallRefusal.NOBODY_WAITS
    await clinic.pick_up(1, 2)
    assert await clinic.numbers() == {1: 1, 2: 2}


async def test_pick_ups_at_several_windows_at_once_get_different_numbers(clinic: Clinic) -> None:
    await asyncio.gather(*[clinic.pick_up(place) for place in (4, 2, 3, 1)])
    assert await clinic.numbers() == {1: 1, 2: 2, 3: 3, 4: 4}


async def test_the_schema_refuses_a_number_twice(clinic: Clinic) -> None:
    await clinic.pick_up(1, 2)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await change(clinic.platform, "UPDATE queue_entries SET number = 1 WHERE number = 2")


async def test_paper_entered_on_the_day_joins_the_queue_and_later_does_not(
    clinic: Clinic, clock: Clock
) -> None:
    for place, days in ((2, 0), (3, 1)):
        clock.now = VISIT + timedelta(days=days)
        entered = await enter_from_paper(
            clinic.platform, clinic.clerk, clinic.session_id, [clinic.bookings[place - 1]], "断网"
        )
        assert entered == 1
    assert await clinic.numbers() == {2: 2}


async def test_who_comes_after_their_time_is_called_after_three_others(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, clock, people=6)
    await clinic.pick_up(2, 3, 4, 5, 6)
    clock.now = VISIT + timedelta(hours=1)
    await clinic.pick_up(1)
    assert [await next_number(clinic) for _ in range(6)] == [2, 3, 4, 1, 5, 6]


# Calls ----------------------------------------------------------------------------------------


async def test_a_day_at_the_door(clinic: Clinic) -> None:
    assert await next_number(clinic) is QueueCallRefusal.NOBODY_WAITS
    await clinic.pick_up(1, 2, 3)
    assert await next_number(clinic) == 1
    assert await do(clinic, 1, QueueAct.AGAIN) is DONE
    assert await do(clinic, 1, QueueAct.SKIP) is DONE
    assert await do(clinic, 1, QueueAct.SKIP) is DONE  # a second click
    assert await next_number(clinic) == 2
    assert await do(clinic, 1, QueueAct.REQUEUE, 1) is DONE
    assert await next_number(clinic) == 3  # who was there has been seen
    assert await next_number(clinic) == 1
    assert await do(clinic, 1, QueueAct.DONE) is DONE
    assert await do(clinic, 1, QueueAct.SKIP) is QueueCallRefusal.CHANGED_MEANWHILE
    assert await do(clinic, 4, QueueAct.DONE) is QueueCallRefusal.UNKNOWN
    assert await last_actions(clinic, 3) == ["move_in_queue", "call_number", "call_number"]
    shown = await queues.queue(clinic.platform, clinic.clerk, clinic.session_id)
    assert shown is not None
    assert sorted(entry.number or 0 for entry in shown.seen) == [1, 2, 3]
    assert shown.called == shown.waiting == shown.passed == []


async def test_two_clerks_who_call_at_once_call_different_numbers(clinic: Clinic) -> None:
    await clinic.pick_up(1, 2, 3, 4)
    called = await asyncio.gather(*[next_number(clinic, room) for room in ("1", "2", "3", "4")])
    assert sorted(called, key=str) == [1, 2, 3, 4]


async def test_without_the_lock_two_clerks_would_call_the_same(clinic: Clinic) -> None:
    """The control of the race: both read before either writes."""
    await clinic.pick_up(1, 2)
    both_have_read = asyncio.Barrier(2)
    called: list[int | None] = []

    async def unlocked(room: str) -> None:
        async with clinic.platform.db.transaction() as tx:
            changed = rules.call_next(await entries_of(tx, clinic.session_id), room, tx.now)
            assert isinstance(changed, list)
            await both_have_read.wait()
            await save(tx, changed)
            called.append(changed[-1].number)

    await asyncio.gather(unlocked("1"), unlocked("2"))
    assert called == [1, 1]


async def test_nobody_calls_for_another_hospital_on_another_day_or_after_a_stop(
    clinic: Clinic, clock: Clock
) -> None:
    await clinic.pick_up(1)
    other = Staff(2, "other", Role.CLERK, clinic.hospital_id + 1)
    for by, days, stop, reason in (
        (other, 0, False, QueueCallRefusal.UNKNOWN),
        (clinic.clerk, 1, False, QueueCallRefusal.NOT_TODAY),
        (clinic.clerk, 0, True, QueueCallRefusal.STOPPED),
    ):
        clock.now = VISIT + timedelta(days=days)
        if stop:
            await change(clinic.platform, "UPDATE clinic_sessions SET stopped_at = now()")
        refused = await queues.call_next(clinic.platform, by, clinic.session_id, "3")
        assert refused == Refused(reason)
        unannounced = await queues.announce(
            clinic.platform, by, clinic.session_id, QueueNotice("paused", None, "")
        )
        assert unannounced == Refused(reason)
    assert await queues.queue(clinic.platform, other, clinic.session_id) is None


async def test_a_patient_sees_how_many_are_before_and_what_is_announced(clinic: Clinic) -> None:
    await clinic.pick_up(1, 2, 3)
    assert await next_number(clinic) == 1
    moved = QueueNotice("moved", None, "二层5诊室")
    await queues.announce(clinic.platform, clinic.clerk, clinic.session_id, moved)
    shown = await queues.own_queue(clinic.platform, clinic.bookings[2])
    assert shown is not None
    assert (shown.place.number, shown.now, shown.before, shown.notice) == (3, 1, 1, moved)
    assert await queues.own_queue(clinic.platform, clinic.bookings[3]) is None
    await queues.announce(clinic.platform, clinic.clerk, clinic.session_id, None)
    shown = await queues.own_queue(clinic.platform, clinic.bookings[2])
    assert shown is not None
    assert shown.notice is None


# Reports of a hospital's system ---------------------------------------------------------------


async def said(clinic: Clinic, *reports: QueueReport) -> list[object]:
    outcomes = await queues.report(clinic.platform, clinic.clerk, reports)
    return [
        outcome.reason if isinstance(outcome, Refused) else outcome.changed for outcome in outcomes
    ]


async def test_a_hospital_s_own_numbers_are_sent_after_the_pick_up(clinic: Clinic) -> None:
    await queues.set_own_numbers(clinic.platform, clinic.clerk, True)
    await clinic.pick_up(1, 2, 3)
    assert await clinic.numbers() == {1: None, 2: None, 3: None}
    first, second, third, absent = clinic.bookings
    waits = QueueState.WAITING
    assert await said(
        clinic,
        QueueReport(first, VISIT, waits, 107),
        QueueReport(second, VISIT, waits, 107),
        QueueReport(second, VISIT, waits, 101),
        QueueReport(second, VISIT, waits, 102),
        QueueReport(absent, VISIT, waits, 103),
        QueueReport(10**6, VISIT, waits, 104),
        QueueReport(third, VISIT, QueueState.CALLED, 99, "B2"),
        QueueReport(third, VISIT, QueueState.CALLED, 99, "B2"),
    ) == [
        True,
        QueueRefusal.NUMBER_TAKEN,
        True,
        QueueRefusal.NUMBER_FIXED,
        QueueRefusal.NOT_PICKED_UP,
        QueueRefusal.UNKNOWN,
        True,
        False,
    ]
    assert await clinic.numbers() == {1: 107, 2: 101, 3: 99}
    assert await next_number(clinic) == 101
    assert await last_actions(clinic, 2) == ["call_number", "report_queue"]


async def test_a_pick_up_taken_back_before_its_number_came_leaves_the_queue(
    clinic: Clinic,
) -> None:
    await queues.set_own_numbers(clinic.platform, clinic.clerk, True)
    await clinic.pick_up(1)
    gone = clinic.bookings[0]
    assert await correct(clinic.platform, clinic.clerk, gone, "取错了") is DONE
    assert await clinic.numbers() == {}
    assert await said(clinic, QueueReport(gone, VISIT, QueueState.CALLED, 9)) == [
        QueueRefusal.NOT_PICKED_UP
    ]
    await clinic.pick_up(1)
    assert await clinic.numbers() == {1: None}


async def test_late_and_repeated_reports_change_nothing(clinic: Clinic, clock: Clock) -> None:
    await clinic.pick_up(1, 2)
    clock.now = VISIT + timedelta(minutes=30)
    id, minute = clinic.bookings[0], timedelta(minutes=1)
    called = QueueReport(id, VISIT + 5 * minute, QueueState.CALLED, room="3")
    seen = QueueReport(id, VISIT + 9 * minute, QueueState.SEEN, room="3")
    assert await said(clinic, seen, called, seen) == [True, False, False]
    assert await said(clinic, called, seen) == [False, False]
    other = Staff(2, "other", Role.CLERK, clinic.hospital_id + 1)
    [refused] = await queues.report(clinic.platform, other, [seen])
    assert refused == Refused(QueueRefusal.UNKNOWN)


# Boards ---------------------------------------------------------------------------------------


async def test_the_board_of_a_department_and_the_list_of_a_hospital(clinic: Clinic) -> None:
    await clinic.pick_up(1, 2, 3)
    await next_number(clinic)
    [[department_id]] = await ask(clinic.platform, "SELECT department_id FROM clinic_sessions")
    board = await queues.board(clinic.platform, department_id)
    assert board is not None
    [queue] = board.queues
    assert [(entry.number, entry.room) for entry in queue.called] == [(1, "3")]
    assert [entry.number for entry in queue.waiting] == [2, 3]
    found = await queues.boards(clinic.platform, clinic.hospital_id)
    assert found is not None
    _, [department] = found
    assert (department.id, department.waiting) == (department_id, 2)
    assert await queues.board(clinic.platform, 10**6) is None
    assert await queues.boards(clinic.platform, 10**6) is None
