"""A site to call: the whole application over a real database, with a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.web.site import Site, closed

from guahao.web.app import create_app


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        yield Site(create_app(platform, desk), platform)


@pytest.fixture
def closed_site(clock: Clock) -> Site:
    return closed(clock)
