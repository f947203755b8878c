"""Acts on one hospital's supply at the same time: the hospital is locked first, then the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import partial
from itertools import permutations
from typing import Any

import psycopg
import pytest
from psycopg.errors import DeadlockDetected
from tests.city import NO_DRAWS, Clock, open_platform
from tests.flows.meeting import meet, queued
from tests.supply import Rows

from guahao.flows.hospitals import departments
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import calendars, fees, schedules, timetables
from guahao.flows.supply.bulk import acts
from guahao.flows.supply.feeding import WantedSession, publish_sessions
from guahao.flows.supply.following import Following
from guahao.flows.supply.imports import importing
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.bulk import BulkRefusal, Change
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.fees import DatedFee
from guahao.store.booking.appointments import lock_sessions
from guahao.store.supply.bulk import Selection
from guahao.store.supply.feeding import lock_feed

MONDAY = date(2026, 11, 30)
THURSDAY = MONDAY + timedelta(days=3)
CLINIC = Clinic("普通门诊", "", "morning", time(8), time(10), 5000, 30)
OWN = {"title": "普通门诊", "starts_at": time(8), "ends_at": time(10)}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=NO_DRAWS) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def test_no_session_is_rolled_out_after_the_last_day_of_a_timetable_that_ends_meanwhile(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    """A week after the last roll-out one Thursday is missing, after the timetable's last day."""
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id, parent_id=rows.department(hospital_id))
    timetable_id = rows.timetable(
        hospital_id, department_id, iso_weekday=4, valid_from=MONDAY, **OWN
    )
    assert await schedules.roll_forward(platform) == 13
    clock.forward(days=7)
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    tasks: list[asyncio.Task[object]] = []
    async with platform.db.transaction() as tx:
        # The end waits here, with all done but its commit.
        await tx.do("SELECT FROM audit_trail_head FOR UPDATE")
        for act in (
            timetables.end(platform, by, timetable_id, THURSDAY + timedelta(days=7)),
            schedules.roll_forward(platform),
        ):
            tasks.append(asyncio.create_task(act))
            await queued(platform, tasks)
    assert await asyncio.gather(*tasks) == [Following(free=11, taken=0), 0]
    assert rows.all("SELECT max(visit_date), count(*) FROM clinic_sessions") == [
        (THURSDAY + timedelta(days=7), 2)
    ]


@dataclass(frozen=True)
class Scene:
    """A timetable's session of a Thursday that the calendar takes off, and a file to be applied."""

    platform: Platform
    by: Staff
    department_id: int
    timetable_id: int
    session_id: int
    import_id: int


async def scene(platform: Platform, rows: Rows) -> Scene:
    hospital_id = rows.hospital()
    department_id = rows.department(
        hospital_id, parent_id=rows.department(hospital_id), name="心内科", external_id="D"
    )
    begins = MONDAY - timedelta(days=30)
    timetable_id = rows.timetable(
        hospital_id, department_id, iso_weekday=4, valid_from=begins, **OWN
    )
    session_id = rows.session(
        hospital_id, department_id, THURSDAY, timetable_id=timetable_id, **OWN
    )
    for whose in (None, hospital_id):
        rows.conn.execute(
            "INSERT INTO calendar_days (hospital_id, day, reason, by_name, at)"
            " VALUES (%s, %s, '放假', 'x', now()) ON CONFLICT DO NOTHING",
            (whose, THURSDAY),
        )
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    file = (
        "科室,职称,星期,开始日期,结束日期,时段,开始时间,结束时间,费用,号源数\n"
        f"心内科,普通门诊,周四,{begins},,上午,08:00,10:00,50,33\n"
    )
    import_id = await importing.receive(platform, by, "plan.csv", file.encode())
    assert isinstance(import_id, int)
    await importing.carry_out(platform, import_id)
    assert await importing.confirm(platform, by, import_id) is DONE
    return Scene(platform, by, department_id, timetable_id, session_id, import_id)


async def publish(here: Scene) -> object:
    session = WantedSession(
        "S", "D", "普通门诊", "", THURSDAY, "morning", time(8), time(10), 5000, 12
    )
    return await publish_sessions(here.platform, here.by, [session])


async def change_fee(here: Scene) -> object:
    seen = (await fees.fee_list(here.platform, here.by)).version
    fee = DatedFee("普通门诊", MONDAY + timedelta(days=1), 6000)
    return await fees.change(here.platform, here.by, seen, fee, to_sessions=True)


Acts = dict[str, Callable[[Scene], Coroutine[Any, Any, object]]]
WITHDRAWING: Acts = {
    "correct": lambda it: calendars.correct(
        it.platform, it.by, it.by.own_hospital_id, THURSDAY, None, "停诊"
    ),
    "withdraw": lambda it: calendars.withdraw(
        it.platform, it.by, it.by.own_hospital_id, THURSDAY, "误填"
    ),
    "follow": lambda it: calendars.follow(it.platform, it.by, THURSDAY, "放假"),
    "carry out": lambda it: calendars.carry_out(it.platform, THURSDAY),
    "end": lambda it: timetables.end(
        it.platform, it.by, it.timetable_id, MONDAY + timedelta(days=1)
    ),
}
OTHERS: Acts = {
    "change": lambda it: timetables.change(
        it.platform, it.by, it.timetable_id, CLINIC, on_holidays=True
    ),
    "publish": publish,
    "import": lambda it: importing.carry_out(it.platform, it.import_id),
    "change the fee": change_fee,
    "roll out": lambda it: schedules.roll_forward(it.platform),
    "delete the department": lambda it: departments.delete(it.platform, it.by, it.department_id),
}


@pytest.mark.parametrize("withdrawing", WITHDRAWING)
async def test_who_withdraws_sessions_and_who_changes_them_do_not_wait_for_each_other(
    platform: Platform, rows: Rows, withdrawing: str
) -> None:
    for other in OTHERS:
        for order in permutations((WITHDRAWING[withdrawing], OTHERS[other])):
            here = await scene(platform, rows)
            acts = [partial(act, here) for act in order]
            outcomes = await meet(platform, "clinic_sessions", here.session_id, *acts)
            failed = [one for one in outcomes if isinstance(one, BaseException)]
            assert failed == [], (withdrawing, other)


async def test_a_department_is_deleted_in_the_order_in_which_many_sessions_are_changed(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id, parent_id=rows.department(hospital_id))
    later = rows.session(hospital_id, department_id, THURSDAY + timedelta(days=7), **OWN)
    sooner = rows.session(hospital_id, department_id, THURSDAY, **OWN)
    # Neither by date nor as the rows are stored does the first id come first.
    rows.conn.execute("UPDATE clinic_sessions SET capacity = 21 WHERE id = %s", (later,))
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    selection, fewer = Selection(THURSDAY, THURSDAY + timedelta(days=7)), Change(capacity=5)
    found = await acts.preview_change(platform, by, selection, fewer)
    assert isinstance(found, list)
    outcomes = await meet(
        platform,
        *("clinic_sessions", sooner),
        lambda: departments.delete(platform, by, department_id),
        lambda: acts.change(platform, by, selection, fewer, "停诊", acts.change_version(found)),
    )
    assert outcomes == [DONE, Refused(BulkRefusal.CHANGED_MEANWHILE)]


async def test_a_session_that_is_locked_before_its_hospital_meets_a_withdrawal(
    platform: Platform, rows: Rows
) -> None:
    """The control: the other order is a deadlock."""
    here = await scene(platform, rows)

    async def the_wrong_way_round() -> None:
        async with platform.db.transaction() as tx:
            await lock_sessions(tx, [here.session_id])
            await lock_feed(tx, here.by.own_hospital_id)

    acts = (the_wrong_way_round, partial(WITHDRAWING["correct"], here))
    outcomes = await meet(platform, "clinic_sessions", here.session_id, *acts)
    assert sum(isinstance(one, DeadlockDetected) for one in outcomes) == 1
