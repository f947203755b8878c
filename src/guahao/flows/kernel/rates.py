"""Share this process's rate counts with all others, so that limits hold over all."""

from __future__ import annotations

import asyncio

import structlog
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout

from guahao.flows.kernel.platform import Platform
from guahao.store.kernel import rates as store

SHARE_SECONDS = 1.0
_LOOK_SECONDS = 0.05  # how soon a subject in a hurry is shared
_SHARES_MAX = 2000  # in one statement

_log = structlog.get_logger("guahao.rates")


async def share_rates(platform: Platform) -> int:
    """Exchange counts with the other processes; return how many subjects were shared."""
    shares = platform.rates.shares(_SHARES_MAX)
    if not shares:
        return 0
    try:
        async with platform.db.transaction() as tx:
            totals = await store.share(tx, platform.vault, shares)
    except (DatabaseError, PoolTimeout):
        for share in shares:
            platform.rates.mark_due(share)
        raise
    for share, total in zip(shares, totals, strict=True):
        platform.rates.learn(share, total)
    return len(shares)


async def keep_sharing(platform: Platform) -> None:
    """Share every second, and sooner if a subject spends its limit faster, until cancelled.

    During an outage a process continues with the counts that it knows.
    """
    loop = asyncio.get_running_loop()
    shared_at = loop.time()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if not platform.rates.hurry and loop.time() - shared_at < SHARE_SECONDS:
            continue
        try:
            await share_rates(platform)
        except (DatabaseError, PoolTimeout) as error:
            _log.warning("rates_not_shared", error=type(error).__name__)
            await asyncio.sleep(SHARE_SECONDS)
        shared_at = loop.time()
