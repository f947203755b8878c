"""Tries are counted in fixed windows on the city's clock, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from tests.city import Clock, ask, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.kernel import throttle

HOUR, DAY = 3600, 86400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def hit(platform: Platform, subject: bytes = b"s", window: int = HOUR) -> int:
    async with platform.db.transaction() as tx:
        return await throttle.hit(tx, "scope", subject, window)


async def hits(platform: Platform, subject: bytes = b"s", window: int = HOUR) -> int:
    """The tries so far: one more is counted and taken back."""
    async with platform.db.transaction() as tx:
        counted = await throttle.hit(tx, "scope", subject, window)
        await throttle.forgive(tx, "scope", subject, window)
        return counted - 1


async def test_a_window_counts_from_one_and_the_next_begins_anew(
    platform: Platform, clock: Clock
) -> None:
    assert await hits(platform) == 0
    assert [await hit(platform), await hit(platform)] == [1, 2]
    clock.forward(minutes=59, seconds=59, milliseconds=999)
    assert await hit(platform) == 3
    clock.forward(milliseconds=1)
    assert await hits(platform) == 0
    assert await hit(platform) == 1


async def test_a_days_window_begins_at_the_citys_midnight(platform: Platform, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=CITY_TIME)
    assert await hit(platform, window=DAY) == 1
    clock.forward(seconds=1)
    assert await hit(platform, window=DAY) == 1
    clock.forward(hours=8)  # midnight in Greenwich
    assert await hit(platform, window=DAY) == 2


async def test_subjects_are_counted_apart(platform: Platform) -> None:
    assert [await hit(platform, b"a"), await hit(platform, b"b"), await hit(platform, b"a")] == [
        *(1, 1, 2)
    ]


async def test_hits_at_once_are_each_counted(platform: Platform) -> None:
    counts = await asyncio.gather(*(hit(platform) for _ in range(20)))
    assert sorted(counts) == list(range(1, 21))


async def test_a_forgiven_hit_is_taken_back_and_no_more_than_that(platform: Platform) -> None:
    await hit(platform)
    for _ in range(2):
        async with platform.db.transaction() as tx:
            await throttle.forgive(tx, "scope", b"s", HOUR)
    assert await hits(platform) == 0


@pytest.mark.parametrize(
    ("time", "window", "left"),
    [
        ("09:00:00", HOUR, HOUR),
        ("09:59:59.9", HOUR, 1),
        ("09:00:30", 60, 30),
        ("00:00:00", DAY, DAY),
        ("23:00:00", DAY, HOUR),
    ],
)
def test_seconds_left_reach_to_the_next_window(time: str, window: int, left: int) -> None:
    now = datetime.fromisoformat(f"2026-11-30T{time}").replace(tzinfo=CITY_TIME)
    assert throttle.seconds_left(now, window) == left


async def test_windows_older_than_two_days_are_removed(platform: Platform, clock: Clock) -> None:
    await hit(platform, b"old")
    clock.forward(hours=1)
    await hit(platform, b"kept")
    clock.now += timedelta(days=2)
    async with platform.db.transaction() as tx:
        assert await throttle.purge(tx) == 1
    assert await ask(platform, "SELECT subject FROM throttle_counts") == [(b"kept",)]
