"""The platform's policy from a date on: seen, changed, withdrawn, and what follows when it begins.

`wiring` gives the numbers the platform begins with; whoever changes them afterwards calls
`change`. From tomorrow at the earliest, and what holds is history (docs/decisions/0016).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from hashlib import sha256

from guahao.flows.attendance.penalties import derive_and_relieve
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY, Policy
from guahao.rules.kernel.policies import (
    DatedPolicies,
    DatedPolicy,
    PolicyRefusal,
    changed_numbers,
    refused_policy,
)
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Staff
from guahao.store.booking.appointments import lock_persons
from guahao.store.kernel.db import Tx
from guahao.store.policy import policies as store
from guahao.store.policy.policies import PolicyEntry

REASON_MAX = 200  # characters
AHEAD_MAX_DAYS = 366
_PERSONS_A_CHUNK = 200


class NotChanged(StrEnum):
    """Why a policy is not changed or not withdrawn."""

    TOO_EARLY = "policy_too_early"
    TOO_LATE = "policy_too_late"
    NO_CHANGE = "policy_no_change"
    REASON_NEEDED = "policy_reason_needed"
    CHANGED_MEANWHILE = "policy_changed_meanwhile"
    NOT_PENDING = "policy_not_pending"


@dataclass(frozen=True, slots=True)
class PolicyOverview:
    """What holds today, what will, what held before; `version` is what a reader has seen."""

    today: Policy
    first: Policy
    entries: list[PolicyEntry]
    earliest: date
    version: str
    on_day: date

    @property
    def pending(self) -> list[PolicyEntry]:
        """Those that do not hold yet, the next first."""
        return [one for one in self.entries if one.dated.holds_from > self.on_day]

    @property
    def begun(self) -> list[PolicyEntry]:
        """Those that hold or held, the latest first."""
        return [one for one in self.entries[::-1] if one.dated.holds_from <= self.on_day]

    def before(self, day: date) -> Policy:
        """What would hold on the day if nothing began on that very day."""
        rows = tuple(one.dated for one in self.entries)
        return DatedPolicies(self.first, rows).on(day - ONE_DAY)


async def overview(platform: Platform) -> PolicyOverview:
    """Every policy, as it is now."""
    async with platform.db.transaction() as tx:
        return await _overview(tx, platform, await store.closed_until(tx))


async def _overview(tx: Tx, platform: Platform, closed_until: date) -> PolicyOverview:
    first, today = platform.policies.known.first, tx.now.date()
    entries = await store.entries(tx)
    rows = tuple(one.dated for one in entries)
    earliest = max(today, closed_until) + ONE_DAY
    return PolicyOverview(
        DatedPolicies(first, rows).on(today), first, entries, earliest, _version(entries), today
    )


def _version(entries: list[PolicyEntry]) -> str:
    return sha256(repr(entries).encode()).hexdigest()[:16]


def refused(overview: PolicyOverview, new: DatedPolicy) -> PolicyRefusal | NotChanged | None:
    """What cannot be decided, whoever wants it."""
    if new.holds_from < overview.earliest:
        return NotChanged.TOO_EARLY
    if (new.holds_from - overview.on_day).days > AHEAD_MAX_DAYS:
        return NotChanged.TOO_LATE
    wrong = refused_policy(new.policy)
    if wrong is not None:
        return wrong
    same = DatedPolicies(overview.first, tuple(one.dated for one in overview.entries))
    return NotChanged.NO_CHANGE if same.on(new.holds_from) == new.policy else None


async def change(
    platform: Platform, by: Staff, new: DatedPolicy, reason: str, seen: str
) -> DatedPolicy | PolicyRefusal | NotChanged:
    """A policy from a date on; one pending for that very date is replaced.

    `seen`: the version on which it was decided; if somebody else has decided since, nothing is
    changed.
    """
    reason = prose(reason)[:REASON_MAX]
    if not reason:
        return NotChanged.REASON_NEEDED
    async with acting(platform, by.who) as opened:
        act, found = await _locked(opened)
        if found.version != seen:
            return NotChanged.CHANGED_MEANWHILE
        wrong = refused(found, new)
        if wrong is not None:
            return wrong
        before = DatedPolicies(found.first, tuple(one.dated for one in found.entries)).on(
            new.holds_from
        )
        await store.put(act.tx, new, by.id, reason)
        await _record(act, "change_policy", (new.holds_from, before, new.policy), reason)
        return new


async def withdraw(
    platform: Platform, by: Staff, holds_from: date, reason: str, seen: str
) -> NotChanged | None:
    """Take back a policy that does not hold yet; None where that is done."""
    reason = prose(reason)[:REASON_MAX]
    if not reason:
        return NotChanged.REASON_NEEDED
    async with acting(platform, by.who) as opened:
        act, found = await _locked(opened)
        if found.version != seen:
            return NotChanged.CHANGED_MEANWHILE
        gone = None
        if holds_from >= found.earliest:
            gone = await store.withdraw(act.tx, holds_from)
        if gone is None:
            return NotChanged.NOT_PENDING
        after = found.before(holds_from)
        await _record(act, "withdraw_policy", (holds_from, gone, after), reason)
        return None


async def _locked(act: Acting) -> tuple[Acting, PolicyOverview]:
    """Under the lock that closes days, and only then the time: midnight may have passed."""
    closed_until = await store.lock(act.tx)
    act = replace(act, tx=replace(act.tx, now=act.platform.db.clock()))
    return act, await _overview(act.tx, act.platform, closed_until)


async def _record(
    act: Acting,
    action: str,
    what: tuple[date, Policy, Policy],
    reason: str,
) -> None:
    holds_from, before, after = what
    names = changed_numbers(before, after)
    detail = {
        "holds_from": holds_from,
        "before": {name: _words(before)[name] for name in names},
        "after": {name: _words(after)[name] for name in names},
    }
    await act.record(action, reason=reason, detail=detail)


def _words(policy: Policy) -> dict[str, object]:
    """A policy as the trail keeps it."""
    return {
        **asdict(policy),
        "cancel_channels": sorted(policy.cancel_channels),
        "quiet_from": f"{policy.quiet_from:%H:%M}",
        "quiet_until": f"{policy.quiet_until:%H:%M}",
    }


# When a policy begins -----------------------------------------------------------------------


async def begin(platform: Platform) -> int:
    """Derive suspensions again where a policy has begun; how many persons were looked at.

    It can only end or shorten one (S16). Chunk by chunk, each in its own transaction, twice or
    in two workers alike; marked at the end, so that a crash leaves it to the next run.
    """
    async with platform.db.transaction() as tx:
        begun = await store.not_derived(tx, tx.now.date())
    if not begun:
        return 0
    seen = after = 0
    while True:
        async with platform.db.transaction() as tx:
            await platform.policies.read(tx)
            persons = await store.ever_suspended(tx, after, _PERSONS_A_CHUNK)
            await lock_persons(tx, persons)
            await derive_and_relieve(tx, platform, persons)
            seen += len(persons)
            if len(persons) < _PERSONS_A_CHUNK:
                await store.mark_derived(tx, begun)
                return seen
        after = persons[-1]
