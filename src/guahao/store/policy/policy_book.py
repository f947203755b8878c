"""What one process knows of the platform's policies.

A change holds from tomorrow at the earliest, so what holds on a day can be kept for the day.
`policy_days` lets all processes keep the same: the first that asks on a new day closes it, under
the lock that every change of a policy takes first. A change made just before midnight is either
committed before the day is closed, and seen, or finds it closed, and is refused; a process whose
clock is ahead closes the day early.

The day is closed in a transaction apart: the caller may have locked persons already, and somebody
else may lock them after the day.
"""

from __future__ import annotations

import asyncio
import math
from datetime import date, datetime, time

import psycopg
import structlog

from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, Policy
from guahao.rules.kernel.policies import DatedPolicies, without_fair_release
from guahao.store.kernel.db import Database, Tx
from guahao.store.policy import policies as store

_log = structlog.get_logger("guahao.policies")


class PolicyBook:
    """The policies as last read; `first` are the owner's numbers, until the first row."""

    def __init__(self, first: Policy) -> None:
        self.known = DatedPolicies(first)
        self._read_until = date.min
        self._good_until = -math.inf  # the Unix seconds of the midnight after `_read_until`
        self._reading = asyncio.Lock()
        self._closing = asyncio.Lock()

    async def read(self, tx: Tx) -> DatedPolicies:
        """Return what holds up to today, for a decision; costs nothing but on a day's first times.

        Do not call it under the lock of `store.lock`: closing the day waits for that.
        """
        today = tx.now.date()
        if today > self._read_until:
            async with tx.as_platform():
                closed_until, _ = await store.days(tx)
                if closed_until >= today:
                    await self._read_day(tx, today)
        if today > self._read_until:
            async with self._closing:
                if today > self._read_until:
                    async with tx.apart() as own:
                        await store.close(own, today)
                        await self._read_day(own, today)
        return self.known

    async def _read_day(self, tx: Tx, today: date) -> None:
        """Keep what holds on a closed day."""
        _, begun_fair = await store.days(tx)
        rows = tuple(await store.begun(tx, today))
        first = self.known.first if begun_fair else without_fair_release(self.known.first)
        self.known, self._read_until = DatedPolicies(first, rows), today
        self._good_until = datetime.combine(today + ONE_DAY, time.min, CITY_TIME).timestamp()

    def is_due(self, now: float) -> bool:
        """Return whether `known` is of an earlier day than a time in Unix seconds."""
        return now >= self._good_until

    async def refresh(self, db: Database) -> None:
        """See to it that `known` is today's, for a sentence; an outage leaves it as it was."""
        if not self.is_due(db.seconds()):
            return
        somebody_reads = self._reading.locked()
        async with self._reading:
            if not somebody_reads:  # who waited for another's attempt makes none of their own
                await self._read(db)

    async def _read(self, db: Database) -> None:
        try:
            while db.clock().date() > self._read_until:
                async with db.transaction() as tx:
                    await self.read(tx)
        except psycopg.OperationalError as error:
            _log.warning("policies_not_read", error=type(error).__name__)


class FixedPolicies(PolicyBook):
    """Policies that are not the database's: a replay's."""

    def __init__(self, policies: DatedPolicies) -> None:
        super().__init__(policies.first)
        self.known = policies

    async def read(self, tx: Tx) -> DatedPolicies:  # noqa: ARG002 - nothing is read
        """Return the given policies."""
        return self.known

    def is_due(self, now: float) -> bool:  # noqa: ARG002 - always the same
        """Return False: the given policies stay."""
        return False

    async def refresh(self, db: Database) -> None:
        """Do nothing: the given policies stay."""
