"""Acts that meet at a row: each waits there before a gate, so that they meet without luck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.city import ask
from tests.crowd import WAITING

from guahao.flows.kernel.platform import Platform
from guahao.store.kernel.db import Tx

Act = Callable[[], Coroutine[Any, Any, object]]


async def queued(platform: Platform, tasks: list[asyncio.Task[object]]) -> None:
    """Wait until every task waits for a lock, or has ended."""
    async with asyncio.timeout(30):
        while True:
            [[waiting]] = await ask(platform, WAITING)
            if waiting >= sum(not task.done() for task in tasks):
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def gate(platform: Platform, row: str, id: int) -> AsyncIterator[Tx]:
    """Hold a row ("accounts", "patients") that others want."""
    async with platform.db.transaction() as tx:
        await tx.do(f"SELECT FROM {row} WHERE id = %s FOR UPDATE", (id,))
        yield tx


async def meet(platform: Platform, row: str, id: int, *acts: Act) -> list[object]:
    """Let acts queue one after the other for a row, then let go; what each returns or raises."""
    tasks: list[asyncio.Task[object]] = []
    async with gate(platform, row, id):
        for act in acts:
            tasks.append(asyncio.create_task(act()))
            await queued(platform, tasks)
    return await asyncio.gather(*tasks, return_exceptions=True)


def assert_no_deadlock(outcomes: list[object]) -> None:
    assert [one for one in outcomes if isinstance(one, BaseException)] == []
