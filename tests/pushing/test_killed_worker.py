"""A worker process is killed while it pushes: what it was telling arrives, once in effect."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from procrastinate.exceptions import AlreadyEnqueued
from tests.city import Clock, ask, change, open_platform
from tests.conftest import SOURCES
from tests.pushing.city import Hospital, connect, crowd, stand_in

from guahao.flows.kernel.platform import Platform
from guahao.jobs import create_jobs
from guahao.notices.outbox import OutboxGateway

PATIENCE_SECONDS = 120
PUSHING = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'push_to_hospital'"


@contextmanager
def worker(database_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`guahao worker`; killed at the end, if it was not before."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATABASE_URL": database_url,
        "GUAHAO_DATA_DIR": str(folder),
        "GUAHAO_SECRET_KEY": "a secret key of the tests, long enough",
        "GUAHAO_CLOCK_START": "2026-11-30T09:00:00",
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "guahao", "worker"], env=environ, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - it holds in another process
            await asyncio.sleep(0.05)


async def is_notified(hospital: Hospital) -> bool:
    """Whether its system's book says what ours does, and we know that it does."""
    [[delivered]] = await ask(hospital.platform, "SELECT delivered FROM hospital_webhooks")
    return delivered == 2 and hospital.system.statuses() == await hospital.statuses()


async def free_what_the_dead_held(platform: Platform) -> None:
    """As a minute and more later: whoever lives takes over what the dead worker had begun."""
    await change(
        platform, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'"
    )
    async with create_jobs(
        platform, OutboxGateway(platform.db, platform.vault)
    ).open_async() as app:
        with suppress(AlreadyEnqueued):  # the dead worker may have been about to do it
            await app.configure_task("retry_stalled").defer_async(timestamp=0)


async def test_what_a_killed_worker_was_telling_arrives_once_in_effect(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with open_platform(database_url, clock) as platform:
        with stand_in(clock) as (system, url):
            hospital = await connect(platform, system, url)
            system.gate.clear()
            for person in await crowd(platform, 2):
                await hospital.booked(person)
            with worker(database_url, tmp_path) as first:
                arrived = await asyncio.to_thread(system.arrived.wait, PATIENCE_SECONDS)
                assert arrived, (tmp_path / "log").read_text()
                first.kill()  # SIGKILL: nothing is written down, and no lock given back
                first.wait()
            system.gate.set()  # the hospital takes what came; nobody hears its answer
            await until(lambda: _has(system.received))
            assert ("doing",) in await ask(platform, PUSHING)
            assert await ask(platform, "SELECT delivered FROM hospital_webhooks") == [(0,)]
            await free_what_the_dead_held(platform)
            with worker(database_url, tmp_path):
                await until(lambda: is_notified(hospital))
    assert len(system.effects) == len(set(system.effects)) == 2
    assert len(system.received) > 2


async def _has(things: Sequence[object]) -> bool:
    return bool(things)
