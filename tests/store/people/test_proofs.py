"""A proof of work serves once, also for two who hand it in at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.city import Clock, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.store.people import proofs

PROOF = b"p" * 32


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


async def use(platform: Platform) -> bool:
    async with platform.db.transaction() as tx:
        return await proofs.use(tx, PROOF, tx.now + timedelta(minutes=5))


async def test_a_proof_serves_once(platform: Platform) -> None:
    assert [await use(platform), await use(platform)] == [True, False]


async def test_of_many_at_once_one_is_served(platform: Platform) -> None:
    assert sorted(await asyncio.gather(*[use(platform) for _ in range(8)])) == [False] * 7 + [True]


async def test_one_that_served_nothing_may_be_used_again(platform: Platform) -> None:
    await use(platform)
    async with platform.db.transaction() as tx:
        await proofs.give_back(tx, PROOF)
    assert await use(platform)


async def test_only_expired_ones_are_forgotten(platform: Platform) -> None:
    await use(platform)
    async with platform.db.transaction() as tx:
        assert await proofs.purge(tx) == 0
    clock = platform.db.clock
    assert isinstance(clock, Clock)
    clock.forward(minutes=5)
    async with platform.db.transaction() as tx:
        assert await proofs.purge(tx) == 1
