"""Acts on one hospital's supply at the same time: the hospital is locked first, then the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, time, timedelta

import psycopg
import pytest
from tests.city import NO_DRAWS, Clock, open_platform
from tests.flows.meeting import queued
from tests.supply import Rows

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import schedules, timetables
from guahao.flows.supply.following import Following
from guahao.rules.staff.staff import Role, Staff

MONDAY = date(2026, 11, 30)
THURSDAY = MONDAY + timedelta(days=3)
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
