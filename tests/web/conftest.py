"""A site to call: the whole application over a real database, with a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.city import NO_DRAWS, Clock, ask, open_platform
from tests.crowd import open_desk
from tests.web.site import Site, closed

from guahao.web.administration.trail_words import FIELDS, field_names
from guahao.web.app import create_app


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(
    database_url: str, clock: Clock, request: pytest.FixtureRequest
) -> AsyncIterator[Site]:
    policy = NO_DRAWS if request.node.get_closest_marker("no_draws") else None
    async with (
        open_platform(database_url, clock, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)
        # Whatever a test did: the auditor's page has a name for everything it left in the trail.
        details = await ask(platform, "SELECT DISTINCT detail::jsonb FROM audit_trail")
    assert {name for (detail,) in details for name in field_names(detail)} <= FIELDS.keys()


@pytest.fixture
def closed_site(clock: Clock) -> Site:
    return closed(clock)
