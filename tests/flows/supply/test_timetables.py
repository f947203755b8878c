"""A scheduler's plans: timetables that sessions follow, places that are never below booked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from tests.city import NO_DRAWS, THURSDAY, Clock, ask, change, open_platform
from tests.crowd import add_clinic, add_crowd, book, count, open_desk

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import timetables as plans
from guahao.flows.supply.bulk import weekly
from guahao.flows.supply.bulk.weekly import Added, PlanRefused, WeeklyPlan
from guahao.flows.supply.following import Following
from guahao.flows.supply.timetables import AddedSession, SessionChange
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import Clinic, SessionRefusal, SessionRefused
from guahao.rules.supply.planning import FOR_EVER, PlanRefusal
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply import feeding
from guahao.store.supply import timetables as store
from guahao.store.supply.timetables import PlannedSession

TUESDAY = date(2026, 12, 1)
CLINIC = Clinic("主任医师", "高血压", "morning", time(8), time(10), 8000, 20)
SPAN = (TUESDAY, FOR_EVER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=NO_DRAWS) as opened:
        yield opened


async def hospital(platform: Platform) -> tuple[Staff, int, int]:
    """A scheduler, a department and its session on Thursday."""
    [session_id] = await add_clinic(platform)
    [[hospital_id, department_id]] = await ask(
        platform,
        "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
        session_id,
    )
    await change(
        platform,
        "INSERT INTO departments (hospital_id, code, name) VALUES (%s, '0', '内科')",
        hospital_id,
    )
    await change(
        platform,
        "UPDATE departments SET parent_id = (SELECT max(id) FROM departments) WHERE id = %s",
        department_id,
    )
    return Staff(7, "scheduler", Role.SCHEDULER, hospital_id), department_id, session_id


def thursdays(department_id: int, clinic: Clinic = CLINIC) -> WeeklyPlan:
    return WeeklyPlan(department_id, (4,), SPAN, (clinic,), on_holidays=False)


async def timetable(platform: Platform, by: Staff, department_id: int) -> tuple[int, list[int]]:
    """A timetable of Thursdays and its sessions, the earliest first."""
    assert isinstance(await weekly.add(platform, by, thursdays(department_id)), Added)
    [[timetable_id]] = await ask(platform, "SELECT max(id) FROM timetables")
    made = await ask(
        platform,
        "SELECT id FROM clinic_sessions WHERE timetable_id = %s ORDER BY visit_date",
        timetable_id,
    )
    return timetable_id, [row[0] for row in made]


async def taken(platform: Platform, session_id: int, people: int = 1) -> None:
    crowd = await add_crowd(platform, people)
    async with open_desk(platform) as desk:
        for one in crowd:
            assert isinstance(await book(desk, one, session_id), AppointmentView)


async def test_a_new_timetable_makes_its_sessions_at_once(platform: Platform) -> None:
    by, department_id, _ = await hospital(platform)
    _, made = await timetable(platform, by, department_id)
    assert len(made) == 13
    found = await plans.week(platform, by, department_id, date(2026, 12, 7))
    assert found is not None
    assert [one.visit_date for one in found.sessions] == [date(2026, 12, 10)]
    assert [one.valid_until for one in found.timetables] == [FOR_EVER]


async def test_a_change_is_followed_where_nobody_booked_and_only_in_places_where_somebody_did(
    platform: Platform,
) -> None:
    by, department_id, _ = await hospital(platform)
    timetable_id, made = await timetable(platform, by, department_id)
    await taken(platform, made[0], 3)
    later = replace(CLINIC, starts_at=time(9), ends_at=time(11), fee_fen=9000, capacity=2)
    found = await plans.timetable(platform, by, timetable_id)
    assert found is not None
    assert found[1] == Following(free=12, taken=1)
    assert await plans.change(platform, by, timetable_id, later) == found[1]
    rows = await ask(
        platform,
        "SELECT starts_at, fee_fen, capacity FROM clinic_sessions WHERE timetable_id = %s"
        " ORDER BY visit_date",
        timetable_id,
    )
    assert rows == [(time(8), 8000, 3), *[(time(9), 9000, 2)] * 12]


async def test_a_timetable_with_old_hours_gives_them_to_its_free_sessions_with_its_places_and_fee(
    platform: Platform,
) -> None:
    """It keeps hours that no clinic gets any more, as do the sessions that it makes."""
    by, department_id, _ = await hospital(platform)
    timetable_id, made = await timetable(platform, by, department_id)
    await taken(platform, made[0])
    await change(
        platform,
        "UPDATE timetables SET starts_at = '15:00', ends_at = '16:00' WHERE id = %s",
        timetable_id,
    )
    old = replace(CLINIC, starts_at=time(15), ends_at=time(16), fee_fen=9000, capacity=7)
    assert await plans.change(platform, by, timetable_id, old) == Following(free=12, taken=1)
    rows = await ask(
        platform,
        "SELECT starts_at, fee_fen, capacity FROM clinic_sessions WHERE timetable_id = %s"
        " ORDER BY visit_date",
        timetable_id,
    )
    assert rows == [(time(8), 8000, 7), *[(time(15), 9000, 7)] * 12]
    longer = replace(old, ends_at=time(17))
    refused = Refused(PlanRefusal.OUTSIDE_PERIOD)
    assert await plans.change(platform, by, timetable_id, longer) == refused


async def test_an_ended_timetable_takes_free_sessions_with_it_and_keeps_booked_ones(
    platform: Platform,
) -> None:
    by, department_id, _ = await hospital(platform)
    timetable_id, made = await timetable(platform, by, department_id)
    await taken(platform, made[2])
    last = THURSDAY + timedelta(days=7)
    assert await plans.end(platform, by, timetable_id, last) == Following(free=10, taken=1)
    rows = await ask(
        platform,
        "SELECT visit_date - %s, capacity FROM clinic_sessions WHERE timetable_id = %s"
        " ORDER BY visit_date",
        *(THURSDAY, timetable_id),
    )
    assert rows == [(0, 20), (7, 20), (14, 1)]
    assert await plans.end(platform, by, timetable_id, last) == Refused(PlanRefusal.DATES)


async def test_places_are_never_fewer_than_are_booked(platform: Platform) -> None:
    by, _, session_id = await hospital(platform)
    await taken(platform, session_id, 3)
    assert await plans.change_session(platform, by, session_id, 2, 8000) == SessionRefused(
        SessionRefusal.BELOW_BOOKED, booked=3
    )
    after = await plans.change_session(platform, by, session_id, 3, 8000)
    assert isinstance(after, SessionChange)
    assert (after.session.booked, after.session.clinic.capacity) == (3, 3)
    refused = await plans.change_session(platform, by, session_id, 3, 9000)
    assert refused == SessionRefused(SessionRefusal.TOLD, fields=("fee_fen",))
    [[detail]] = await ask(platform, "SELECT detail FROM audit_trail")
    assert '"capacity":20' in detail
    assert '"capacity":3' in detail


async def test_places_lowered_while_people_book_are_sold_once(platform: Platform) -> None:
    by, _, session_id = await hospital(platform)
    crowd = await add_crowd(platform, 20)
    async with open_desk(platform, batch=2) as desk:
        wishes = [book(desk, one, session_id) for one in crowd]
        lower = [plans.change_session(platform, by, session_id, n, 8000) for n in (10, 5)]
        answers = await asyncio.gather(*wishes[:6], *lower, *wishes[6:])
    sold = sum(isinstance(one, AppointmentView) for one in answers)
    [[capacity, booked]] = await ask(platform, "SELECT capacity, booked FROM clinic_sessions")
    assert booked == sold == await count(platform, "appointments", "status = 'booked'")
    assert booked <= capacity


async def test_a_timetable_that_is_changed_waits_for_an_import_and_does_not_block_it(
    platform: Platform,
) -> None:
    by, department_id, _ = await hospital(platform)
    timetable_id, _ = await timetable(platform, by, department_id)
    async with platform.db.transaction() as tx:
        await feeding.lock_feed(tx, by.own_hospital_id)
        changing = asyncio.create_task(
            plans.change(platform, by, timetable_id, CLINIC, on_holidays=True)
        )
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not changing.done() and not await ask(platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert await store.lock(tx, by.own_hospital_id, timetable_id) is not None
    assert isinstance(await changing, Following)


async def test_a_single_session_is_added_for_tomorrow_or_later(platform: Platform) -> None:
    by, department_id, _ = await hospital(platform)
    added = await plans.add_session(platform, by, department_id, TUESDAY, CLINIC)
    assert isinstance(added, AddedSession)
    assert await plans.session(platform, by, added.id) == PlannedSession(
        added.id, department_id, TUESDAY, 0, False, CLINIC
    )
    today = TUESDAY - timedelta(days=1)
    refused = await plans.add_session(platform, by, department_id, today, CLINIC)
    assert refused == SessionRefused(SessionRefusal.PAST)


@pytest.mark.parametrize(
    ("clinic", "refused"),
    [
        (replace(CLINIC, title=""), PlanRefusal.TITLE),
        (replace(CLINIC, period="night"), PlanRefusal.TITLE),
        (replace(CLINIC, ends_at=time(8)), PlanRefusal.HOURS),
        (replace(CLINIC, starts_at=None), PlanRefusal.HOURS),
        (replace(CLINIC, capacity=-1), PlanRefusal.PLACES),
        (replace(CLINIC, fee_fen=-1), PlanRefusal.FEE),
    ],
)
async def test_what_no_clinic_may_be(
    platform: Platform, clinic: Clinic, refused: PlanRefusal
) -> None:
    by, department_id, _ = await hospital(platform)
    added = await weekly.add(platform, by, thursdays(department_id, clinic))
    assert isinstance(added, PlanRefused)
    assert added.reason is refused
    outcome = await plans.add_session(platform, by, department_id, THURSDAY, clinic)
    of_session = SessionRefused(SessionRefusal.HOURS)
    assert outcome == (of_session if refused is PlanRefusal.HOURS else Refused(refused))


async def test_another_hospitals_plans_are_out_of_reach(platform: Platform) -> None:
    by, department_id, session_id = await hospital(platform)
    timetable_id, _ = await timetable(platform, by, department_id)
    other, _, _ = await hospital(platform)
    assert await plans.week(platform, other, department_id, TUESDAY) is None
    assert await plans.timetable(platform, other, timetable_id) is None
    assert await plans.session(platform, other, session_id) is None
    added = await weekly.add(platform, other, thursdays(department_id))
    assert isinstance(added, PlanRefused)
    assert added.reason is PlanRefusal.UNKNOWN
    for refused in (
        await plans.change(platform, other, timetable_id, CLINIC),
        await plans.end(platform, other, timetable_id, THURSDAY),
        await plans.add_session(platform, other, department_id, THURSDAY, CLINIC),
        await plans.change_session(platform, other, session_id, 30, 8000),
    ):
        assert refused == Refused(PlanRefusal.UNKNOWN)
    async with platform.db.transaction(hospital_id=other.own_hospital_id) as tx:
        assert (
            await tx.do("UPDATE clinic_sessions SET capacity = 1 WHERE id = %s", (session_id,)) == 0
        )
        assert await tx.do("DELETE FROM clinic_sessions WHERE id = %s", (session_id,)) == 0
        assert await tx.do("UPDATE timetables SET capacity = 1 WHERE id = %s", (timetable_id,)) == 0
