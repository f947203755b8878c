"""Observe the platform's state in every process, without asking when it is requested.

What takes SQL is measured by a single process at most every 15 s and shared by a row of the
database: a scrape or a page waits for nothing, it works when web and worker are on different
machines, and a worker that died is noticed by the others.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from psycopg import Error as DatabaseError
from psycopg.errors import ReadOnlySqlTransaction

from guahao.clock import uptime
from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.operations.doctor import existing_parent
from guahao.rules.fairness.witnessing import days_left
from guahao.rules.supply.national_calendar import known_days
from guahao.store.kernel.connections import Connection
from guahao.store.kernel.db import DatabaseState
from guahao.store.operations import observations

MEASURED_EVERY_SECONDS = 15.0
_LOOK_SECONDS = (4.0, 6.0)  # at random, so that processes do not measure at the same time
_OBSERVING_SECONDS = 10.0
_LOCAL_SECONDS = 1.0
_DISK_EVERY_SECONDS = 15.0

_log = structlog.get_logger("guahao.operations")

_up = Gauge(
    "guahao_database_up",
    "1 while a primary answers, by the process that knows worst",
    multiprocess_mode="livemin",
)
_skew = Gauge(
    "guahao_clock_skew_seconds",
    "How far the clock is from the database's, ahead or behind",
    multiprocess_mode="livemax",
)
_pool_size = Gauge(
    "guahao_pool_connections", "Connections of the pools", multiprocess_mode="livesum"
)
_pool_idle = Gauge(
    "guahao_pool_idle_connections",
    "Connections of the pools that nobody uses",
    multiprocess_mode="livesum",
)
_pool_waiting = Gauge(
    "guahao_pool_waiting_requests",
    "Requests that wait for a connection of the pools",
    multiprocess_mode="livesum",
)
_disk_free = Gauge(
    "guahao_disk_free_bytes",
    "Free bytes of the disk of GUAHAO_DATA_DIR",
    multiprocess_mode="livemin",
)
_disk_size = Gauge(
    "guahao_disk_size_bytes", "Bytes of the disk of GUAHAO_DATA_DIR", multiprocess_mode="livemax"
)
_calendar = Gauge(
    "guahao_calendar_known_days",
    "For how many days from today on the national holidays are known",
    multiprocess_mode="livemin",
)
_witness = Gauge(
    "guahao_witness_days_left",
    "For how many days a witness of draws still has values",
    ["witness"],
    multiprocess_mode="livemin",
)


@asynccontextmanager
async def observing(platform: Platform, desk: Desk | None = None) -> AsyncIterator[None]:
    """Observe until the end of the block; `desk`: of a web process."""
    tasks = [
        asyncio.create_task(_observe_on(platform)),
        asyncio.create_task(_look_on(platform, desk)),
        asyncio.create_task(_watch_disk(platform)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def observe(platform: Platform, every_seconds: float = MEASURED_EVERY_SECONDS) -> None:
    """Read what was measured last; measure if that is due.

    Raises psycopg's errors, OSError or TimeoutError if the database does not answer: the last known
    facts are kept, with their age.
    """
    async with asyncio.timeout(_OBSERVING_SECONDS):
        conn = await Connection.connect(platform.db.url, autocommit=True, prepare_threshold=None)
        try:
            if await _is_due(conn, every_seconds):
                facts = await observations.measure(conn, platform.db.clock())
                await observations.share(conn, facts)
                age = 0.0
            else:
                known = await observations.shared(conn)
                if known is None:
                    return
                facts, age = known
        finally:
            await conn.close()
    platform.observed.facts, platform.observed.taken_at = facts, uptime() - age


async def _is_due(conn: Connection, every_seconds: float) -> bool:
    try:
        return await observations.claim(conn, every_seconds)
    except ReadOnlySqlTransaction:
        return False


async def _observe_on(platform: Platform) -> None:
    while True:
        try:
            await observe(platform)
        except (DatabaseError, OSError, TimeoutError) as error:
            _log.info("not_observed", error=type(error).__name__)
        await asyncio.sleep(random.uniform(*_LOOK_SECONDS))  # noqa: S311 - jitter


async def _look_on(platform: Platform, desk: Desk | None) -> None:
    """Set the gauges of what this process knows by itself, again and again."""
    while True:
        look(platform, desk)
        await asyncio.sleep(_LOCAL_SECONDS)


def look(platform: Platform, desk: Desk | None) -> None:
    """Set the gauges once."""
    stats = platform.db.pool.get_stats()
    _pool_size.set(stats.get("pool_size", 0))
    _pool_idle.set(stats.get("pool_available", 0))
    _pool_waiting.set(platform.db.waiting)
    _up.set(platform.db.state is DatabaseState.ALIVE)
    watch = platform.db.watch
    _skew.set(0.0 if watch is None else abs(watch.ahead_seconds))
    now = platform.db.clock()
    _calendar.set(known_days(now.date()))
    for witness, days in days_left(platform.settings.fairness_witnesses, now).items():
        if days is not None:
            _witness.labels(witness).set(days)
    if desk is not None:
        _ = desk.oldest_seconds  # sets its gauge


async def _watch_disk(platform: Platform) -> None:
    """Measure the disk in a thread: a disk that does not answer delays nothing else."""
    while True:
        try:
            folder = existing_parent(platform.settings.data_dir)
            usage = await asyncio.to_thread(shutil.disk_usage, folder)
        except OSError as error:
            _log.warning("disk_not_read", error=type(error).__name__)
        else:
            _disk_free.set(usage.free)
            _disk_size.set(usage.total)
        await asyncio.sleep(_DISK_EVERY_SECONDS)
