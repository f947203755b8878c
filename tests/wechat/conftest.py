"""A site with an Official Account in safe mode, and one in plain mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.city import Clock
from tests.web.site import Site, closed
from tests.wechat.official import PLAIN, SAFE, TEMPLATES, Official, open_official

from guahao.tools.stand_ins.wechat import StandIn, serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand_in(clock: Clock) -> Iterator[StandIn]:
    with serving(StandIn(SAFE, TEMPLATES, lambda: clock().timestamp())) as standing_in:
        yield standing_in


@pytest.fixture
async def official(database_url: str, clock: Clock, stand_in: StandIn) -> AsyncIterator[Official]:
    async with open_official(database_url, clock, stand_in) as official:
        yield official


@pytest.fixture
async def plain(database_url: str, clock: Clock, stand_in: StandIn) -> AsyncIterator[Official]:
    stand_in.account = PLAIN
    async with open_official(database_url, clock, stand_in) as official:
        yield official


@pytest.fixture
def closed_site(clock: Clock) -> Site:
    return closed(clock)
