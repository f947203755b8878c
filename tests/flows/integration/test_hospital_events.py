"""The log of what hospitals must hear of: complete, in order, and read without a gap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest
from tests.city import THURSDAY, Clock, ask, cancel_for_caller, change, open_platform
from tests.crowd import add_clinic, add_crowd, booked, pick_up
from tests.hospital_log import hospital_of, read, read_through
from tests.supply import at

from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.rules.staff.staff import Role, Staff
from guahao.store.integration import hospital_events as log
from guahao.store.integration.hospital_events import BEGINNING, EventCursor, EventsForgotten
from guahao.store.kernel.db import Tx
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope
from guahao.tools.audit.audit import audit


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def bookings(platform: Platform, count: int) -> tuple[int, list[AppointmentView]]:
    """A hospital, and so many bookings of one session there."""
    [session_id] = await add_clinic(platform)
    patients = await add_crowd(platform, count)
    made = [await booked(platform, one, session_id) for one in patients]
    return await hospital_of(platform, session_id), made


# What is written -------------------------------------------------------------------------------


async def test_whatever_changes_a_booking_tells_its_hospital(
    platform: Platform, clock: Clock
) -> None:
    hospital_id, [came, cancelled, missed, unknown] = await bookings(platform, 4)
    await cancel_for_caller(platform, cancelled.id)
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    stop_id = await stops.stop(platform, by, StopScope(THURSDAY, THURSDAY), "医生外出")
    assert isinstance(stop_id, int)
    await stops.undo(platform, by, stop_id)
    clock.now = at("2026-12-03 20:00")
    assert await sweep(platform) == 3
    assert await report_attendance(platform, [came.id], [missed.id]) == 1
    events = await read_through(platform, hospital_id, 4 + 1 + 3 + 3 + 3 + 2)
    told = {
        view.id: [event.kind for event in events if event.appointment_id == view.id]
        for view in (came, cancelled, missed, unknown)
    }
    stopped_and_back = ["booked", "stopped", "restored", "unverified"]
    assert told == {
        cancelled.id: ["booked", "cancelled"],
        came.id: [*stopped_and_back, "picked_up"],
        missed.id: [*stopped_and_back, "no_show"],
        unknown.id: stopped_and_back,
    }
    assert [event.at for event in events if event.kind == "no_show"] == [clock.now]
    assert (await audit(platform)).clean


async def test_a_pick_up_at_the_window_is_told(platform: Platform, clock: Clock) -> None:
    hospital_id, [came] = await bookings(platform, 1)
    clock.now = at("2026-12-03 08:00")
    taken = await pick_up(platform, hospital_id, came.code, came.patient.id_no)
    assert isinstance(taken, AppointmentView)
    events = await read_through(platform, hospital_id, 2)
    assert [event.kind for event in events] == ["booked", "picked_up"]


async def test_what_was_undone_or_changes_no_status_is_not_told(platform: Platform) -> None:
    hospital_id, [one] = await bookings(platform, 1)
    await change(platform, "UPDATE appointments SET code_live = false, status = status")
    with suppress(ZeroDivisionError):
        async with platform.db.transaction() as tx:
            await cancel_in(tx, one)
            raise ZeroDivisionError
    [event] = await read_through(platform, hospital_id, 1)
    assert event.kind == "booked"


@pytest.mark.parametrize("as_hospital", [True, False])
async def test_nobody_but_the_platforms_owner_writes_the_log(
    platform: Platform, as_hospital: bool
) -> None:
    hospital_id, _ = await bookings(platform, 1)
    role = hospital_id if as_hospital else None
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with platform.db.transaction(hospital_id=role) as tx:
            await tx.do("UPDATE hospital_events SET kind = 'stopped'")


async def test_a_hospital_reads_its_own_events_only(platform: Platform) -> None:
    first, _ = await bookings(platform, 1)
    second, _ = await bookings(platform, 2)
    assert await read_through(platform, second, 2)
    async with platform.db.transaction(hospital_id=first) as tx:
        assert await log.changes(tx, second, BEGINNING, 10) == []


# How it is read --------------------------------------------------------------------------------


async def cancel_in(tx: Tx, view: AppointmentView) -> None:
    await tx.do("UPDATE appointments SET status = 'cancelled' WHERE id = %s", (view.id,))


async def ids_after(platform: Platform, id: int) -> list[int]:
    """A naive reader's page: all that is committed, after the greatest id it has seen."""
    rows = await ask(platform, "SELECT id FROM hospital_events WHERE id > %s ORDER BY id", id)
    return [row[0] for row in rows]


async def test_who_commits_late_is_read_late_and_not_missed(platform: Platform) -> None:
    hospital_id, [slow, quick] = await bookings(platform, 2)
    seen = await read_through(platform, hospital_id, 2)
    naive = seen[-1].id
    async with platform.db.transaction() as tx:
        await cancel_in(tx, slow)
        async with platform.db.transaction() as other:
            await cancel_in(other, quick)
        # The later id is committed first: whoever goes on from it never sees the earlier one.
        [naive_next] = await ids_after(platform, naive)
        assert await read(platform, hospital_id, seen[-1].cursor) == []
    assert await ids_after(platform, naive_next) == []
    both = (await read_through(platform, hospital_id, 4))[2:]
    assert [event.appointment_id for event in both] == [slow.id, quick.id]
    assert naive_next == both[1].id > both[0].id  # the control: it has missed slow's event


async def test_the_order_of_changes_holds_although_transactions_began_otherwise(
    platform: Platform,
) -> None:
    hospital_id, [first, second] = await bookings(platform, 2)
    async with platform.db.transaction() as early:
        await cancel_in(early, first)  # has its transaction id from here on
        async with platform.db.transaction() as late:
            await cancel_in(late, second)
        await early.do("UPDATE appointments SET status = 'booked' WHERE id = %s", (second.id,))
    events = await read_through(platform, hospital_id, 5)
    assert [one.kind for one in events if one.appointment_id == second.id] == [
        "booked",
        "cancelled",
        "restored",
    ]


async def test_readers_and_writers_at_once_neither_miss_nor_double(platform: Platform) -> None:
    hospital_id, made = await bookings(platform, 12)
    dice = random.Random(5)
    seen: list[log.HospitalEvent] = []
    done = asyncio.Event()

    async def reader() -> None:
        while not done.is_set() or await read(platform, hospital_id, cursor(seen), 1):
            seen.extend(await read(platform, hospital_id, cursor(seen), 3))

    async def writer(views: Sequence[AppointmentView]) -> int:
        changed = 0
        for _ in range(12):
            async with platform.db.transaction() as tx:
                for view in dice.sample(views, len(views)):
                    status = dice.choice(["stopped", "booked"])
                    changed += await tx.do(
                        "UPDATE appointments SET status = %s WHERE id = %s AND status <> %s",
                        (status, view.id, status),
                    )
                    await asyncio.sleep(dice.random() / 1000)
        return changed

    reading = asyncio.create_task(reader())
    # Each writer has bookings of its own, so that none waits for another in a circle.
    changed = await asyncio.gather(*(writer(made[n::4]) for n in range(4)))
    await read_through(platform, hospital_id, len(made) + sum(changed))
    done.set()
    await reading
    every = {row[0] for row in await ask(platform, "SELECT id FROM hospital_events")}
    assert len(seen) == len(every) == len(made) + sum(changed)
    assert {event.id for event in seen} == every
    for view in made:
        of_one = [event for event in seen if event.appointment_id == view.id]
        assert [event.id for event in of_one] == sorted(event.id for event in of_one)
        assert all(a.kind != b.kind for a, b in pairwise(of_one))


def cursor(seen: Sequence[log.HospitalEvent]) -> EventCursor:
    return seen[-1].cursor if seen else BEGINNING


async def test_now_is_a_cursor_too(platform: Platform) -> None:
    hospital_id, [one] = await bookings(platform, 1)
    await read_through(platform, hospital_id, 1)
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        now = await log.newest(tx)
    assert await read(platform, hospital_id, now) == []
    await cancel_for_caller(platform, one.id)
    await read_through(platform, hospital_id, 2)
    assert [event.kind for event in await read(platform, hospital_id, now)] == ["cancelled"]


@pytest.mark.parametrize("text", ["", "1", "-", "1-", "g-1", "1-2-3", " 1-2", "1-2\n", "f" * 16])
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert EventCursor.read(text) is None


def test_a_cursor_is_read_as_it_was_written() -> None:
    for one in (BEGINNING, EventCursor(0x12345, 67), EventCursor(1, 16**15 - 1)):
        assert EventCursor.read(str(one)) == one


# How long it is kept ---------------------------------------------------------------------------


async def test_a_cursor_from_before_what_is_forgotten_is_told_so(
    platform: Platform, clock: Clock
) -> None:
    hospital_id, _ = await bookings(platform, 1)
    [first] = await read_through(platform, hospital_id, 1)
    clock.forward(days=log.EVENTS_KEPT_DAYS, seconds=1)
    moved = "UPDATE appointments SET status = 'unverified', changed_at = %s"
    await change(platform, moved, clock.now)
    events = await read_through(platform, hospital_id, 2)
    async with platform.db.transaction() as tx:
        assert await log.purge(tx, tx.now - timedelta(days=log.EVENTS_KEPT_DAYS)) == 1
    assert await read(platform, hospital_id, first.cursor) == events[1:]
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        forgotten = await log.changes(tx, hospital_id, BEGINNING, 10)
    assert isinstance(forgotten, EventsForgotten)
    assert forgotten.go_on_from >= events[1].cursor
    found = {check.name: check.disagreements for check in (await audit(platform)).findings}
    assert found["events_agree"] == 0


async def test_positions_go_on_after_the_database_was_moved(
    platform: Platform, database_url: str
) -> None:
    hospital_id, [one] = await bookings(platform, 1)
    # As after dump and restore: the events are from a server with far greater ids.
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE hospital_events SET position = position + 1000000000000")
    assert await read(platform, hospital_id) == []
    migrate(database_url)
    [before] = await read_through(platform, hospital_id, 1)
    await cancel_for_caller(platform, one.id)
    [_, after] = await read_through(platform, hospital_id, 2)
    assert after.cursor > before.cursor
