"""The database stops, is killed, and comes back under a worker that goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.city import LOOPBACK, Clock, add_booking, ask, open_platform, phone

from guahao.embedded import EmbeddedServer
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.notices.outbox import OutboxGateway
from guahao.worker import run_worker

PATIENCE_SECONDS = 120


class Running(Clock):
    """A clock that runs, so that leases end."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._begun)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a state; a database that is away is none."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                if await holds():
                    return
            except psycopg.OperationalError:
                pass
            await asyncio.sleep(0.05)


async def states(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT state FROM messages ORDER BY id")]


@asynccontextmanager
async def working(platform: Platform) -> AsyncIterator[asyncio.Task[None]]:
    worker = asyncio.create_task(run_worker(platform, OutboxGateway(platform.db, platform.vault)))
    try:
        yield worker
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def kill(server: EmbeddedServer) -> None:
    """The postmaster alone: its backends notice by themselves."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_worker_goes_on_after_its_database_restarts(
    mortal_server: EmbeddedServer, mortal_url: str, how: str
) -> None:
    async with open_platform(mortal_url, Running()) as platform, working(platform) as worker:
        await add_booking(platform, 1)
        await until(lambda: _all_delivered(platform, 1))
        with capture_logs() as logs:
            if how == "stopped":
                await asyncio.to_thread(mortal_server.stop)
            else:
                kill(mortal_server)
            await until(lambda: _noticed(logs))
            await asyncio.to_thread(mortal_server.start)
        assert not worker.done()
        await until(lambda: _requested(platform))
        await until(lambda: _all_delivered(platform, 2))
        assert not worker.done()


async def _requested(platform: Platform) -> bool:
    await request_otp(platform, phone(2), LOOPBACK, "zh")
    return True


async def _all_delivered(platform: Platform, count: int) -> bool:
    found = await states(platform)
    return len(found) >= count and set(found) == {"delivered"}


async def _noticed(logs: Sequence[Mapping[str, object]]) -> bool:
    """Whether the worker says that it waits for the database."""
    return any(entry["event"] == "database_away" for entry in logs)
