"""The primary falls silent, is restarted, or loses an answer: nobody waits for it in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest
from tests.city import Clock, ask, open_platform
from tests.crowd import add_clinic, add_crowd, book, count, open_desk
from tests.faults.harness.network import Network, network_to, until

from guahao.flows.booking.desk import NotBooked, OutcomeUnknown
from guahao.flows.kernel.platform import Platform
from guahao.store.kernel.connections import RECONNECT_SECONDS
from guahao.store.kernel.views import AppointmentView

pytestmark = pytest.mark.faults

# A bound for a busy machine: without the deadlines nobody is answered at all. Ours is 5 s.
PATIENCE_SECONDS = 20
ASLEEP = "SELECT FROM pg_stat_activity WHERE query LIKE '%sleep(60)'"


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Network]:
    async with network_to(database_url) as network:
        yield network


@pytest.fixture
async def platform(network: Network) -> AsyncIterator[Platform]:
    async with open_platform(network.url, Clock()) as platform:
        yield platform


async def test_a_silent_primary_is_an_honest_answer_and_the_lanes_come_back(
    platform: Platform, network: Network
) -> None:
    sessions = [session for _ in range(2) for session in await add_clinic(platform)]
    crowd = await add_crowd(platform, 6)
    async with open_desk(platform, lanes=2) as desk, asyncio.timeout(2 * PATIENCE_SECONDS):
        assert isinstance(await book(desk, crowd[0], sessions[0]), AppointmentView)
        network.fall_silent()
        asked = [(person, session) for person in crowd[1:] for session in sessions]
        answers = await asyncio.gather(*(book(desk, *one) for one in asked))
        assert answers == [NotBooked()] * len(asked)
        network.speak_again()
        answers = await asyncio.gather(*(book(desk, *one) for one in asked))
    # Both hospitals' departments are of one visit date, of which nobody may have more than two.
    assert all(isinstance(answer, AppointmentView) for answer in answers)
    assert await count(platform, "appointments") == 11
    assert network.cancel_requests == 0


async def test_a_commit_whose_answer_is_lost_is_unknown_and_found_under_its_key(
    platform: Platform, network: Network
) -> None:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk, asyncio.timeout(2 * PATIENCE_SECONDS):
        await platform.policies.refresh(platform.db)  # closes the day, with a commit of its own
        network.dropped_after = b"COMMIT"
        waiting = asyncio.ensure_future(book(desk, person, session_id))
        await until(partial(is_there, network, "SELECT FROM appointments"))
        network.fall_silent()
        assert await waiting == OutcomeUnknown()
        network.dropped_after = None
        network.speak_again()
        answer = await book(desk, person, session_id)
    assert isinstance(answer, AppointmentView)
    assert await ask(platform, "SELECT id FROM appointments") == [(answer.id,)]
    assert network.cancel_requests == 0


async def test_a_day_that_is_closed_in_silence_holds_up_nobody(
    platform: Platform, network: Network
) -> None:
    """The first booking of a day closes the day of policies: that answer is lost, then its own."""
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk, asyncio.timeout(2 * PATIENCE_SECONDS):
        network.dropped_after = b"COMMIT"
        assert await book(desk, person, session_id) == OutcomeUnknown()
        network.dropped_after = None
        assert isinstance(await book(desk, person, session_id), AppointmentView)


async def is_there(network: Network, query: str) -> bool:
    """Whether a query has rows, asked past the network as the owner."""
    async with await psycopg.AsyncConnection.connect(network.server_url) as conn:
        return await (await conn.execute(query.encode())).fetchone() is not None


async def test_a_lost_answer_is_found_by_the_lane_itself_where_the_server_can_be_reached(
    platform: Platform, network: Network
) -> None:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk, asyncio.timeout(PATIENCE_SECONDS):
        await platform.policies.refresh(platform.db)  # closes the day, with a commit of its own
        network.dropped_after = b"COMMIT"
        waiting = asyncio.ensure_future(book(desk, person, session_id))
        await until(partial(is_there, network, "SELECT FROM appointments"))
        network.dropped_after = None
        network.end_connections()  # as a proxy does that sees its server die
        answer = await waiting
    assert isinstance(answer, AppointmentView)
    assert await count(platform, "appointments") == 1


async def test_a_restart_is_waited_for_and_every_idle_connection_is_replaced(
    platform: Platform, network: Network
) -> None:
    [session_id] = await add_clinic(platform)
    crowd = await add_crowd(platform, 3)
    async with open_desk(platform) as desk, asyncio.timeout(PATIENCE_SECONDS):
        await network.refuse()
        waiting = asyncio.ensure_future(book(desk, crowd[0], session_id))
        await asyncio.sleep(0.3)
        await network.listen()
        assert isinstance(await waiting, AppointmentView)
        network.end_connections()
        for person in crowd[1:]:
            assert isinstance(await book(desk, person, session_id), AppointmentView)


async def test_in_a_long_outage_the_pool_never_waits_long_for_its_next_attempt(
    platform: Platform, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own pool would wait for 1, 2, 4, 8 ... seconds, and be back much later."""
    delays: list[float] = []
    scheduler = platform.db.pool._sched
    enter = scheduler.enter

    async def noted(delay: float, action: Any) -> Any:
        delays.append(delay)
        return await enter(delay, action)

    monkeypatch.setattr(scheduler, "enter", noted)
    await network.refuse()
    await platform.db.drop_connections()
    await until(lambda: len(delays) >= 4 * 8)  # four attempts of each connection
    await network.listen()
    assert await ask(platform, "SELECT 1") == [(1,)]
    least, most = RECONNECT_SECONDS
    assert all(least <= delay <= most for delay in delays)
    assert len(set(delays)) > 4  # not all at once


async def test_ending_a_task_closes_its_connection_and_cancels_nothing(
    platform: Platform, network: Network
) -> None:
    sleeping = asyncio.ensure_future(ask(platform, "SELECT pg_sleep(60)"))
    await until(partial(is_there, network, ASLEEP))
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    assert sleeping.cancelled()
    await ask(platform, "SELECT 1")
    assert network.cancel_requests == 0
