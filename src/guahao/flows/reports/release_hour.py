"""The hour after a release, as it happens: for the city's staff.

A process counts at most every few seconds (`Recount`), however many read, and never twice at once;
the booking path is not touched.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.rules.reports.release_hour import (
    WATCHED,
    ReleaseMoment,
    Releases,
    in_steps,
    releases,
    step_of,
)
from guahao.rules.supply.releasing import held_together
from guahao.store.kernel.db import Tx
from guahao.store.reports import release_hour as store
from guahao.store.reports import supply as supply_store
from guahao.store.reports.release_hour import ByChannel, Opening
from guahao.store.reports.scope import counting

_EVERY_SECONDS, _QUIET_SECONDS = 3.0, 30.0
_BEGINNING = timedelta(minutes=10)  # in which the figures change every few seconds
_LATER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ReleaseHour:
    """A release, what came of it within its hour, and the others.

    `steps`: requests by outcome in each step from the release on.
    """

    taken_at: datetime
    releases: Releases
    release: ReleaseMoment
    until: datetime
    step: timedelta
    steps: list[Counter[str]]
    channels: list[ByChannel]
    openings: list[Opening]

    @property
    def is_on(self) -> bool:
        """Return whether the hour is not over."""
        return self.release.is_on(self.taken_at)

    @property
    def outcomes(self) -> Counter[str]:
        """Return the requests of the hour by outcome."""
        return sum(self.steps, Counter())

    @property
    def sold_out(self) -> int:
        """Count the departments without a place left, for a draw neither."""
        return sum(not one.free and not one.held for one in self.openings)


def good_for(known: ReleaseHour | None) -> float:
    """Return for how many seconds the figures are good: they change fast at the beginning."""
    if known is None or not known.is_on:
        return _QUIET_SECONDS
    within = known.taken_at - known.release.at
    return _EVERY_SECONDS if within <= _BEGINNING else _LATER_SECONDS


async def read(platform: Platform, at: datetime | None = None) -> ReleaseHour | None:
    """Count what came of the release at a moment, or of the last. Raises TooSlowError."""
    async with platform.db.transaction() as tx, counting(tx):
        found = await last_and_next(tx, platform)
        if found is None:
            return None
        release = found.chosen(tx.now, at)
        until = min(tx.now, release.at + WATCHED)
        elapsed = max(until - release.at, timedelta(seconds=1))
        by_second: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for row in await store.answered(tx, release.at, until):
            by_second[row.second][row.outcome] += row.requests
        step = step_of(elapsed)
        return ReleaseHour(
            tx.now,
            found,
            release,
            until,
            step,
            in_steps(by_second, elapsed, step),
            await store.by_channel(tx, release.at, until),
            await store.openings(tx, release.opened),
        )


async def last_and_next(tx: Tx, platform: Platform) -> Releases | None:
    """Return the releases around now, of all hospitals."""
    policies = await platform.policies.read(tx)
    held = {
        hospital_id: held_together(rules, policies)
        for hospital_id, rules in (await supply_store.rules_held(tx, None)).items()
    }
    return releases(held, tx.now)
