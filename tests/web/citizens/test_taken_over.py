"""A clinic that was planned here and that the hospital's system publishes is there once."""

from __future__ import annotations

import asyncio
from datetime import date, time, timedelta
from typing import Any

import pytest
from tests.city import THURSDAY, ask, change
from tests.crowd import add_crowd, book, open_desk
from tests.web.hospital_site import System, add_system, session_item
from tests.web.site import Site
from tests.web.staff_site import add_member

from guahao.flows.supply import timetables
from guahao.flows.supply.bulk import weekly
from guahao.flows.supply.bulk.weekly import Added, WeeklyPlan
from guahao.flows.supply.schedules import roll_forward
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.planning import FOR_EVER
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply import sessions

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

CLINIC = Clinic("主任医师", "", "morning", time(11), time(12), 8000, 20)
# An afternoon may start at 11:00 as well.
ITEM = {"starts_at": "11:00", "ends_at": "12:00"}
WEEK = timedelta(days=7)


@pytest.fixture
async def system(site: Site) -> System:
    found = await add_system(site)
    await found.publish_departments()
    return found


async def scheduler_of(system: System) -> Staff:
    return await add_member(system.site.platform, Role.SCHEDULER, system.hospital_id)


async def plan_thursdays(system: System, clinic: Clinic = CLINIC) -> int:
    """A timetable of department D2, every Thursday from THURSDAY on; its id."""
    [[department]] = await ask(
        system.site.platform, "SELECT id FROM departments WHERE external_id = 'D2'"
    )
    plan = WeeklyPlan(department, (4,), (THURSDAY, FOR_EVER), (clinic,), on_holidays=False)
    made = await weekly.add(system.site.platform, await scheduler_of(system), plan)
    assert isinstance(made, Added)
    [[timetable_id]] = await ask(system.site.platform, "SELECT max(id) FROM timetables")
    return int(timetable_id)


async def on(site: Site, day: date = THURSDAY) -> list[tuple[Any, ...]]:
    """The sessions of a day: the hospital's id, whether of a timetable, and places."""
    return await ask(
        site.platform,
        "SELECT external_id, timetable_id IS NOT NULL, capacity FROM clinic_sessions"
        " WHERE visit_date = %s ORDER BY id",
        day,
    )


async def book_one(site: Site) -> AppointmentView:
    [person] = await add_crowd(site.platform, 1)
    [[session_id]] = await ask(
        site.platform, "SELECT id FROM clinic_sessions WHERE visit_date = %s", THURSDAY
    )
    async with open_desk(site.platform) as desk:
        booked = await book(desk, person, session_id)
    assert isinstance(booked, AppointmentView)
    return booked


async def test_what_a_timetable_made_becomes_the_hospitals_with_its_bookings(
    site: Site, system: System
) -> None:
    await plan_thursdays(system)
    booked = await book_one(site)
    answer = await system.publish([session_item(1, capacity=30, **ITEM)])
    assert (answer["changed"], answer["created"]) == (1, 0)
    assert await on(site) == [("S1", True, 30)]
    again = await system.publish([session_item(1, capacity=30, **ITEM)])
    assert (again["unchanged"], again["changed"]) == (1, 0)
    listed = (await system.get(f"/bookings?visit_date={THURSDAY}")).json()["items"]
    assert [one["order_no"] for one in listed] == [booked.order_no]
    [[detail]] = await ask(
        site.platform,
        "SELECT detail::jsonb -> 'changed' FROM audit_trail WHERE action = 'publish_sessions'",
    )
    assert list(detail.values()) == [{"external_id": [None, "S1"], "capacity": [20, 30]}]


async def test_two_of_the_same_clinic_take_over_one_and_make_one(
    site: Site, system: System
) -> None:
    await plan_thursdays(system)
    answer = await system.publish([session_item(number, **ITEM) for number in (1, 2)])
    assert [one["result"] for one in answer["items"]] == ["changed", "created"]
    assert await on(site) == [("S1", True, 20), ("S2", False, 20)]


@pytest.mark.parametrize(
    "other",
    [{"period": "afternoon"}, {"specialty": "高血压"}, {"starts_at": "11:30"}, {"title": "医师"}],
)
async def test_another_clinic_of_the_day_is_left_alone(
    site: Site, system: System, other: dict[str, str]
) -> None:
    await plan_thursdays(system)
    answer = await system.publish([session_item(1, **{**ITEM, **other})])
    assert answer["created"] == 1, answer
    assert await on(site) == [(None, True, 20), ("S1", False, 20)]


async def test_a_clinic_that_was_stopped_is_not_taken_over(site: Site, system: System) -> None:
    await plan_thursdays(system)
    await change(site.platform, "UPDATE clinic_sessions SET stopped_at = now()")
    answer = await system.publish([session_item(1, **ITEM)])
    assert answer["created"] == 1
    assert len(await on(site)) == 2


async def test_what_patients_were_told_is_not_changed_by_taking_over(
    site: Site, system: System
) -> None:
    await plan_thursdays(system)
    await book_one(site)
    answer = await system.publish([session_item(1, fee_fen=9000, **ITEM)])
    assert [one.get("code") for one in answer["items"]] == ["item_told"]
    answer = await system.publish([session_item(1, capacity=0, **ITEM)])
    assert [one.get("code") for one in answer["items"]] == ["item_below_booked"]
    assert await on(site) == [(None, True, 20)]


async def test_the_timetable_neither_changes_nor_ends_nor_makes_it_again(
    site: Site, system: System
) -> None:
    timetable_id = await plan_thursdays(system)
    await system.publish([session_item(1, **ITEM)])
    await system.publish([session_item(1, starts_at="09:00", ends_at="12:00")])
    by, platform = await scheduler_of(system), site.platform
    reached = await timetables.change(platform, by, timetable_id, CLINIC)
    assert not isinstance(reached, Refused)
    assert await roll_forward(platform) == 0
    await timetables.end(platform, by, timetable_id, date(2026, 11, 30))
    assert await on(site) == [("S1", True, 20)]
    assert await on(site, THURSDAY + WEEK) == []


async def test_a_timetable_makes_nothing_beside_what_was_published(
    site: Site, system: System
) -> None:
    await system.publish([session_item(1, **ITEM), session_item(2, day=THURSDAY + WEEK)])
    await plan_thursdays(system)
    assert await on(site) == [("S1", False, 20)]
    # Without a time it is another clinic.
    assert await on(site, THURSDAY + WEEK) == [("S2", False, 20), (None, True, 20)]


async def test_what_is_published_while_a_timetable_is_rolled_out_waits_for_it(
    site: Site, system: System
) -> None:
    await plan_thursdays(system)
    await change(site.platform, "DELETE FROM clinic_sessions")
    async with site.platform.db.transaction() as tx:
        assert len(await sessions.roll_out(tx, system.hospital_id, THURSDAY, THURSDAY)) == 1
        published = asyncio.create_task(system.publish([session_item(1, **ITEM)]))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not published.done() and not await ask(site.platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (await published)["changed"] == 1
    assert await on(site) == [("S1", True, 20)]
