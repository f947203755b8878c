"""What a hospital changes while places of it wait for a draw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, change, open_platform
from tests.flows.fairness.fair_city import (
    Clinic,
    add_applicants,
    add_clinic,
    booked_patients,
    counters,
    hold_until,
)

from guahao.flows.fairness import draws
from guahao.flows.fairness.applications import live_applications
from guahao.flows.fairness.drawn import next_draws
from guahao.flows.hospitals.hospital_rules import change as change_rules
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.flows.supply.feeding import WantedSession, publish_sessions
from guahao.rules.fairness.applying import Wishes
from guahao.rules.fairness.sensitive import ENTRIES_LEAST
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import UpsertResult
from guahao.store.supply import changes
from guahao.store.supply.stops import StopScope

TEN = MONDAY_MORNING + timedelta(hours=1)  # the next even hour
RELEASE = MONDAY_MORNING.replace(hour=0) + timedelta(days=4)
RELEASED = date(2027, 3, 4)  # by the rules of today


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def scheduler(platform: Platform, clinic: Clinic) -> Staff:
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", clinic.session_id
    )
    return Staff(1, "scheduler", Role.SCHEDULER, hospital_id)


@pytest.mark.parametrize(
    "rules",
    [HospitalRules(release_time=time(8)), HospitalRules(cycle_days=14)],
    ids=["a_later_hour", "a_shorter_cycle"],
)
async def test_a_draw_at_the_release_is_held_as_announced_whatever_the_rules_say_then(
    platform: Platform, clock: Clock, rules: HospitalRules
) -> None:
    clinic = await add_clinic(platform, 3, RELEASE, RELEASED, "release")
    clock.now = RELEASE - timedelta(days=2)
    await draws.hold_draws(platform)
    await change_rules(platform, await scheduler(platform, clinic), RELEASE.date(), rules)
    wishes = Wishes(RELEASED, RELEASED, notice_hours=0)
    people = await add_applicants(platform, clinic, [1, 2], wishes)
    clock.now = RELEASE.replace(hour=20) - timedelta(days=1)
    await draws.hold_draws(platform)
    await hold_until(platform, clock, RELEASE)
    assert await booked_patients(platform) == [person.patient_ids[0] for person in people]
    assert await counters(platform, clinic) == (2, 0, 0)


async def published(platform: Platform, clinic: Clinic, **terms: Any) -> None:
    """Let the hospital's own system publish the session again, with other terms."""
    await change(platform, "UPDATE clinic_sessions SET external_id = 'S1', capacity = 3")
    await change(
        platform,
        "WITH head AS (INSERT INTO departments (hospital_id, code, name)"
        " SELECT hospital_id, '03', '内科' FROM departments RETURNING id)"
        " UPDATE departments SET external_id = 'D1', parent_id = head.id FROM head",
    )
    async with platform.db.transaction() as tx:
        facts = await changes.facts_by_id(tx, [clinic.session_id])
    was = asdict(replace(facts[clinic.session_id].terms, **terms))
    del was["department_id"]
    wanted = WantedSession("S1", "D1", **was)
    [outcome] = await publish_sessions(platform, await scheduler(platform, clinic), [wanted])
    assert outcome.what is UpsertResult.CHANGED, outcome


@pytest.mark.parametrize(
    "terms",
    [
        {"visit_date": THURSDAY + timedelta(days=1)},
        {"period": "afternoon", "starts_at": None, "ends_at": None},
        {"specialty": "心律失常"},
    ],
    ids=str,
)
async def test_a_closed_draw_gives_out_no_session_that_was_turned_into_another(
    platform: Platform, clock: Clock, terms: dict[str, Any]
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    await add_applicants(platform, clinic, [1, 2])
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    await published(platform, clinic, **terms)
    await hold_until(platform, clock, TEN)
    assert await booked_patients(platform) == []
    assert await counters(platform, clinic) == (0, 3, 0)
    await hold_until(platform, clock, TEN + timedelta(hours=2))
    assert len(await booked_patients(platform)) == 2


async def test_places_of_a_session_that_is_moved_wait_for_a_draw_of_its_new_date(
    platform: Platform,
) -> None:
    clinic = await add_clinic(platform, 3, RELEASE, RELEASED, "release")
    await published(platform, clinic, visit_date=THURSDAY)
    assert await ask(platform, "SELECT held, draw_at FROM clinic_sessions") == [(3, TEN)]


@pytest.mark.parametrize(
    ("stopped", "undone"),
    [(-6, -4), (-6, 0), (-4, 0)],
    ids=["before_the_draw", "after_an_amendment", "after_the_draw"],
)
async def test_places_of_a_stop_that_is_undone_around_a_draw_wait_for_the_next(
    platform: Platform, clock: Clock, stopped: int, undone: int
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    await change(platform, "UPDATE clinic_sessions SET capacity = 3")
    await add_applicants(platform, clinic, [1])
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    clock.now = TEN + timedelta(minutes=stopped)
    by = await scheduler(platform, clinic)
    stop_id = await stops.stop(platform, by, StopScope(THURSDAY, THURSDAY), "医生请假")
    assert isinstance(stop_id, int)
    await draws.hold_draws(platform)
    clock.now = TEN + timedelta(minutes=undone)
    await draws.hold_draws(platform)
    await stops.undo(platform, by, stop_id)
    clock.now = TEN
    await draws.hold_draws(platform)
    assert await counters(platform, clinic) == (0, 3, 0)
    assert await ask(platform, "SELECT draw_at FROM clinic_sessions") == [
        (TEN + timedelta(hours=2),)
    ]


@pytest.mark.parametrize("hidden", [-12, -6], ids=["before_closing", "after_closing"])
async def test_places_of_a_department_that_is_hidden_at_its_draw_wait_for_the_next(
    platform: Platform, clock: Clock, hidden: int
) -> None:
    clinic = await add_clinic(platform, 3, TEN)
    await change(platform, "UPDATE clinic_sessions SET capacity = 3")
    await add_applicants(platform, clinic, [1])
    await hold_until(platform, clock, TEN + timedelta(minutes=hidden))
    await change(platform, "UPDATE departments SET on_platform = false")
    await hold_until(platform, clock, TEN)
    assert await ask(platform, "SELECT state FROM draws") == [("done",)]
    assert await counters(platform, clinic) == (0, 3, 0)
    await change(platform, "UPDATE departments SET on_platform = true")
    await hold_until(platform, clock, TEN + timedelta(hours=2))
    assert len(await booked_patients(platform)) == 1


async def test_a_department_that_becomes_sensitive_before_closing_publishes_no_entries(
    platform: Platform, clock: Clock
) -> None:
    clinic = await add_clinic(platform, 1, TEN)
    await add_applicants(platform, clinic, range(1, ENTRIES_LEAST + 1))
    await hold_until(platform, clock, TEN - timedelta(minutes=20))
    assert await ask(platform, "SELECT is_sensitive FROM draws") == [(False,)]
    await change(platform, "UPDATE departments SET name = '心理科'")
    await hold_until(platform, clock, TEN)
    assert await ask(platform, "SELECT is_sensitive FROM draws") == [(True,)]


async def test_no_draw_is_announced_while_the_department_is_hidden(platform: Platform) -> None:
    [person] = await add_applicants(platform, await add_clinic(platform, 3, TEN), [1])
    [application] = await live_applications(platform, person.account_id)
    for is_shown in (True, False):
        await change(platform, "UPDATE departments SET on_platform = %s", is_shown)
        announced = await next_draws(platform, [application])
        assert [draw.draw_at for draw in announced.values()] == ([TEN] if is_shown else [])
