"""The stand-in of a hospital's system, connected again at each start of the demo."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.city import Clock, open_platform
from tests.crowd import add_clinic, booked
from tests.hospital_log import hospital_of
from tests.pushing.city import crowd, push_all, pusher

from guahao.flows.integration.clients import list_clients
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import DONE
from guahao.tools.hospital_caller import connect
from guahao.tools.stand_ins.hospital import StandIn, serving


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


async def test_a_second_start_keeps_the_client_and_learns_the_new_secret(
    platform: Platform,
) -> None:
    [session_id] = await add_clinic(platform)
    hospital_id = await hospital_of(platform, session_id)
    for _ in range(2):
        system = StandIn(clock=lambda: platform.db.clock().timestamp())
        with serving(system) as address:
            assert await connect(platform, system, hospital_id, address) == DONE
            [person] = await crowd(platform, 1)
            appointment = await booked(platform, person, session_id)
            await push_all(pusher(platform))
            told = [booking["order_no"] for booking in system.bookings()]
            assert appointment.order_no in told
    assert [client.hospital_id for client in await list_clients(platform)] == [hospital_id]
