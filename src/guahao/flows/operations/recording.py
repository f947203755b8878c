"""Record how the periodic tasks run, so that a task that stopped is noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from guahao.clock import uptime
from guahao.flows.kernel.platform import Platform
from guahao.store.operations import task_runs

_AGAIN_SECONDS = 15.0  # a task that runs every two seconds is not recorded every time


class Recording:
    """What a process records of its periodic tasks."""

    def __init__(self, platform: Platform) -> None:
        self._db = platform.db
        self._last: dict[str, float] = {}  # when a success was recorded, by the uptime

    @asynccontextmanager
    async def recorded(self, name: str) -> AsyncIterator[None]:
        """Record how the block ends; re-raise its error."""
        begun = uptime()
        try:
            yield
        except Exception as error:
            self._last.pop(name, None)
            with suppress(psycopg.Error):
                async with self._db.transaction() as tx:
                    await task_runs.record_failure(tx, name, type(error).__name__)
            raise
        now = uptime()
        if now - self._last.get(name, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        with suppress(psycopg.Error):
            async with self._db.transaction() as tx:
                await task_runs.record_success(tx, name, now - begun)
            self._last[name] = now
