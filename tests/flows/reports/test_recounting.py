"""A count is shared by all who read it, and made anew only when it is old."""

from __future__ import annotations

import asyncio

import pytest

from guahao.flows.reports.recounting import Recount


class Counter:
    """Counts how often it is asked, when the gate is open."""

    def __init__(self) -> None:
        self.now, self.counted = 0.0, 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.recount: Recount[int] = Recount(lambda _: 3.0)

    async def count(self) -> int:
        await self.gate.wait()
        self.counted += 1
        return self.counted

    async def get(self, key: str = "") -> int:
        return await self.recount.get(lambda: self.now, self.count, key)


async def test_all_who_ask_at_once_share_one_count() -> None:
    counter = Counter()
    counter.gate.clear()
    asking = [asyncio.create_task(counter.get()) for _ in range(50)]
    await asyncio.sleep(0)
    counter.gate.set()
    assert await asyncio.gather(*asking) == [1] * 50


async def test_a_count_is_good_for_its_seconds_and_for_its_key() -> None:
    counter = Counter()
    assert [await counter.get(), await counter.get(), await counter.get("b")] == [1, 1, 2]
    counter.now = 2.9
    assert await counter.get() == 1
    counter.now = 3.0
    assert await counter.get() == 3


async def test_a_count_that_failed_is_tried_again_by_the_next() -> None:
    counter = Counter()

    async def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await counter.recount.get(lambda: counter.now, fail)
    assert await counter.recount.get(lambda: counter.now, counter.count) == 1
