"""Try a policy on the platform's own recorded requests before deciding on it (a dry run).

Everything is read from one snapshot and decided again in memory, by the same rules as at the
desk; nothing of it is written but the counts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta

import msgspec

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy
from guahao.rules.policy.trying import PolicyComparison, World, answers, compare
from guahao.rules.staff.staff import Staff
from guahao.store.kernel.queue import defer
from guahao.store.policy import policies as policy_store
from guahao.store.policy import policy_trials as store
from guahao.store.policy.policy_trials import PolicyTrial

DAYS = 90
DAYS_MAX = 100  # so long are requests kept
REQUESTS_MAX = 300_000  # what a worker holds in memory; the latest days that fit
LISTED = 10
_AT_ONCE = 500  # requests decided before others have their turn


@dataclass(frozen=True, slots=True)
class TrialView:
    """A trial in the clear."""

    trial: PolicyTrial
    proposed: Policy
    in_force: Policy
    outcome: TrialOutcome | None


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What came of a trial. `first`: the earliest day that was replayed, None if none was.

    `shortened`: there were more requests than fit, so that earlier days were left out.
    """

    first: date | None
    last: date
    shortened: bool
    comparison: PolicyComparison
    hospitals: dict[int, tuple[str, str]]


async def start(platform: Platform, by: Staff, new: DatedPolicy, days: int) -> int:
    """Let a worker try the policy on the requests of the last days; the trial's id."""
    async with platform.db.transaction() as tx:
        in_force = (await platform.policies.read(tx)).on(tx.now.date())
        trial_id = await store.add(
            tx, by.id, new.holds_from, days, _encoded(new.policy), _encoded(in_force)
        )
        await defer(tx, "try_policy", trial_id=trial_id)
        return trial_id


async def view(platform: Platform, trial_id: int) -> TrialView | None:
    """Return a trial, or None."""
    async with platform.db.transaction() as tx:
        found = await store.one(tx, trial_id)
    return None if found is None else _view(found)


async def latest(platform: Platform) -> list[TrialView]:
    """Return the latest trials, the newest first; without their outcomes."""
    async with platform.db.transaction() as tx:
        return [_view(replace(one, result=None)) for one in await store.latest(tx, LISTED)]


def _view(found: PolicyTrial) -> TrialView:
    decode = msgspec.json.decode
    outcome = None if found.result is None else decode(found.result, type=TrialOutcome)
    proposed, in_force = (decode(text, type=Policy) for text in (found.proposed, found.in_force))
    return TrialView(found, proposed, in_force, outcome)


def _encoded(value: Policy | TrialOutcome) -> str:
    return msgspec.json.encode(value).decode()


async def carry_out(platform: Platform, trial_id: int) -> None:
    """Do a trial; again, where a worker died over it, from the start."""
    async with platform.db.transaction() as tx:
        found = await store.one(tx, trial_id)
    if found is None or not found.is_open:
        return
    try:
        outcome = await _tried(platform, _view(found))
    except Exception:
        async with platform.db.transaction() as tx:
            await store.fail(tx, trial_id)
        raise
    async with platform.db.transaction() as tx:
        await store.finish(tx, trial_id, _encoded(outcome))


async def _tried(platform: Platform, asked: TrialView) -> TrialOutcome:
    trial = asked.trial
    async with platform.db.snapshot() as tx:
        today = tx.now.date()
        first, shortened = await store.first_day(
            tx, today - timedelta(days=trial.days), REQUESTS_MAX
        )
        world = await store.world(tx, first or today + timedelta(days=1))
        world = replace(world, checks_names=platform.checks_names)
        names = await store.hospital_names(tx)
        held = tuple(await policy_store.begun(tx, today))
    as_it_was = DatedPolicies(platform.policies.known.first, held)
    # Where nothing began meanwhile, one replay says both.
    changed = first is not None and any(row.holds_from > first for row in held)
    progress = _Progress(platform, trial.id, len(world.requests) * (3 if changed else 2))
    reproduced = await _decided(world, as_it_was, progress)
    now = reproduced
    if changed:
        now = await _decided(world, DatedPolicies(asked.in_force), progress)
    then = await _decided(world, DatedPolicies(asked.proposed), progress)
    comparison = compare(world, reproduced, now, then)
    names = {id: names[id] for id in comparison.by_hospital}
    return TrialOutcome(first, today, shortened, comparison, names)


async def _decided(world: World, policies: DatedPolicies, progress: _Progress) -> list[str]:
    """Return every answer in order; other tasks have their turn in between."""
    found: list[str] = []
    waiting = 0
    for group in answers(world, policies):
        found += group
        waiting += len(group)
        if waiting >= _AT_ONCE:
            await progress.add(waiting)
            waiting = 0
    await progress.add(waiting)
    return found


class _Progress:
    """Reports its progress, a hundred times in all."""

    def __init__(self, platform: Platform, trial_id: int, total: int) -> None:
        self._platform = platform
        self._trial_id = trial_id
        self._total = total
        self._done = 0
        self._told = -1

    async def add(self, requests: int) -> None:
        """Count so many more as decided."""
        self._done += requests
        percent = 100 * self._done // max(self._total, 1)
        if percent == self._told:
            await asyncio.sleep(0)
            return
        self._told = percent
        async with self._platform.db.transaction() as tx:
            await store.progress(tx, self._trial_id, self._done, self._total)
