"""A draw: opened, closed, drawn and proven, and what happens when something comes between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, open_platform
from tests.flows.fairness.fair_city import add_applicants, add_full_clinic

from guahao.flows.fairness import draws
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.proof import verify

TEN = MONDAY_MORNING + timedelta(hours=1)  # the next even hour


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def hold_until(platform: Platform, clock: Clock, moment: datetime) -> None:
    """Run the job at each step of the draws up to a moment."""
    for due in (*(moment - timedelta(minutes=m) for m in (30, 10, 6)), moment):
        clock.now = max(clock.now, due)
        await draws.hold_draws(platform)


async def test_places_that_came_back_go_to_those_who_applied(
    platform: Platform, clock: Clock
) -> None:
    session_id, department_id = await add_full_clinic(platform, 2, TEN, THURSDAY)
    await add_applicants(platform, department_id, range(1, 6))
    await hold_until(platform, clock, TEN)
    [[draw_id, state]] = await ask(platform, "SELECT id, state FROM draws")
    assert state == "done"
    assert await ask(
        platform, "SELECT booked, held, draw_at FROM clinic_sessions WHERE id = %s", session_id
    ) == [(2, 0, None)]
    assert sorted(await ask(platform, "SELECT state, lost FROM applications")) == (
        [("live", 1)] * 3 + [("won", 0)] * 2
    )
    file = await proof_file(platform, draw_id)
    assert file is not None
    proven = verify(file.encode())
    assert len(proven.entries) == 5
