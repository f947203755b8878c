"""What a hospital changes while places of it wait for a draw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, time, timedelta

import pytest
from tests.city import MONDAY_MORNING, Clock, ask, open_platform
from tests.flows.fairness.fair_city import (
    Clinic,
    add_applicants,
    add_clinic,
    booked_patients,
    counters,
    hold_until,
)

from guahao.flows.fairness import draws
from guahao.flows.hospitals.hospital_rules import change as change_rules
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import Wishes
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.staff.staff import Role, Staff

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
