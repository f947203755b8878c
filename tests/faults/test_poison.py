"""A record that does not open: staff see what it concerns, and nothing behind it waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.city import Clock, add_booking, ask, change, open_platform
from tests.web.staff_site import add_member

from guahao.flows.call_centre import call_tasks
from guahao.flows.kernel.platform import Platform
from guahao.notices.deliver import LONGEST_WAIT_SECONDS, UNREADABLE_ATTEMPTS
from guahao.notices.gateway import Failed, Outcome, OutgoingMessage
from guahao.notices.outbox import OutboxGateway
from guahao.rules.staff.staff import Role
from guahao.worker import run_worker


class NoSuchNumber(OutboxGateway):
    """A provider that will never take a message."""

    async def send(self, outgoing: OutgoingMessage) -> Outcome:  # noqa: ARG002
        return Failed(permanent=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def test_a_poison_message_becomes_a_task_that_stops_no_agent(
    platform: Platform, clock: Clock
) -> None:
    poison = await add_booking(platform, 1)
    readable = await add_booking(platform, 2)
    await change(
        platform,
        """
        UPDATE patients SET name_enc = name_enc || '\\x00'
        WHERE id = (SELECT patient_id FROM appointments WHERE id = %s)
        """,
        poison,
    )
    for _ in range(UNREADABLE_ATTEMPTS):
        await run_worker(platform, NoSuchNumber(platform.db, platform.vault), wait=False)
        clock.forward(seconds=LONGEST_WAIT_SECONDS)
        await change(platform, "UPDATE procrastinate_jobs SET scheduled_at = now()")
    assert await ask(platform, "SELECT DISTINCT state FROM messages") == [("failed",)]
    await call_tasks.make_call_tasks(platform)
    agent = await add_member(platform, Role.AGENT)
    taken = await call_tasks.claim_task(platform, agent)
    assert taken is not None
    assert taken.task.appointment_id == readable
    listed = {task.appointment_id for task in await call_tasks.open_tasks(platform)}
    assert listed == {poison, readable}
