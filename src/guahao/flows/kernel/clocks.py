"""Compare this process's clock with the database's while the process runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from guahao.store.kernel.db import Database

_EVERY_SECONDS = 2.0


@asynccontextmanager
async def comparing_clocks(db: Database) -> AsyncIterator[None]:
    """Compare at once and every few seconds; an outage leaves the last result."""

    async def compare_on() -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await _compare(db)

    await _compare(db)
    task = asyncio.create_task(compare_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _compare(db: Database) -> None:
    with suppress(psycopg.OperationalError):
        await db.compare_clocks()
