"""The platform's policy from a date on: seen, changed, withdrawn, and what follows when it begins.

`wiring` gives the numbers the platform begins with; `change` makes every later one: from tomorrow
at the earliest, and what holds is history (docs/decisions/0016).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date

from guahao.flows.attendance.penalties import derive_and_relieve
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY, Policy
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.policies import (
    DatedPolicies,
    DatedPolicy,
    PolicyRefusal,
    changed_numbers,
)
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.versions import version_of
from guahao.rules.policy.changing import (
    PolicyChangeRefusal,
    PolicyHistory,
    decide_change,
    decide_withdrawal,
)
from guahao.rules.staff.staff import Staff
from guahao.store.booking.appointments import lock_persons
from guahao.store.kernel.db import Tx
from guahao.store.policy import policies as store
from guahao.store.policy.policies import PolicyEntry

_PERSONS_A_CHUNK = 200


@dataclass(frozen=True, slots=True)
class PolicyOverview:
    """What holds today, what will, what held before; `version` is what a reader has seen."""

    entries: list[PolicyEntry]
    history: PolicyHistory

    @property
    def version(self) -> str:
        """Return what a form that shows it sends back."""
        return version_of(tuple(self.entries))

    @property
    def today(self) -> Policy:
        """Return the policy of today."""
        return self.history.policies.on(self.history.today)

    @property
    def earliest(self) -> date:
        """Return the first day on which another policy may begin."""
        return self.history.earliest

    @property
    def pending(self) -> list[PolicyEntry]:
        """Return the policies that do not hold yet, the next first."""
        today = self.history.today
        return [entry for entry in self.entries if entry.dated.holds_from > today]

    @property
    def begun(self) -> list[PolicyEntry]:
        """Return the policies that hold or held, the latest first."""
        today = self.history.today
        return [entry for entry in self.entries[::-1] if entry.dated.holds_from <= today]

    def before(self, day: date) -> Policy:
        """Return what would hold on the day if nothing began on that very day."""
        return self.history.policies.on(day - ONE_DAY)


async def overview(platform: Platform) -> PolicyOverview:
    """Return every policy, as it is now."""
    async with platform.db.transaction() as tx:
        return await _overview(tx, platform, await store.closed_until(tx))


async def _overview(tx: Tx, platform: Platform, closed_until: date) -> PolicyOverview:
    today, entries = tx.now.date(), await store.entries(tx)
    rows = tuple(entry.dated for entry in entries)
    policies = DatedPolicies(platform.policies.known.first, rows)
    earliest = max(today, closed_until) + ONE_DAY
    return PolicyOverview(entries, PolicyHistory(policies, today, earliest))


async def change(
    platform: Platform, by: Staff, new: DatedPolicy, reason: str, seen: str
) -> DatedPolicy | Refused[PolicyRefusal | PolicyChangeRefusal]:
    """Set a policy from a date on; one pending for that very date is replaced.

    `seen`: the version on which it was decided; if another has been set since, nothing changes.
    """
    reason = stated_reason(reason) or ""
    async with acting(platform, by.who) as opened:
        act, found = await _locked(opened)
        seen_current = found.version == seen
        refusal = decide_change(found.history, new, reason, seen_current=seen_current)
        if refusal is not None:
            return Refused(refusal)
        before = found.history.policies.on(new.holds_from)
        await store.put(act.tx, new, by.id, reason)
        await _record(act, "change_policy", (new.holds_from, before, new.policy), reason)
        return new


async def withdraw(
    platform: Platform, by: Staff, holds_from: date, reason: str, seen: str
) -> Done | Refused[PolicyChangeRefusal]:
    """Withdraw a policy that does not hold yet."""
    reason = stated_reason(reason) or ""
    async with acting(platform, by.who) as opened:
        act, found = await _locked(opened)
        seen_current = found.version == seen
        refusal = decide_withdrawal(found.history, holds_from, reason, seen_current=seen_current)
        if refusal is not None:
            return Refused(refusal)
        await store.withdraw(act.tx, holds_from)
        was = found.history.policies.on(holds_from)
        after = found.before(holds_from)
        await _record(act, "withdraw_policy", (holds_from, was, after), reason)
        return DONE


async def _locked(act: Acting) -> tuple[Acting, PolicyOverview]:
    """Lock the closing of days, and only then ask the time: midnight may have passed."""
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
    """Return a policy as the audit trail saves it."""
    return {
        **asdict(policy),
        "cancel_channels": sorted(policy.cancel_channels),
        "quiet_from": f"{policy.quiet_from:%H:%M}",
        "quiet_until": f"{policy.quiet_until:%H:%M}",
    }


# When a policy begins -----------------------------------------------------------------------


async def begin(platform: Platform) -> int:
    """Derive suspensions again where a policy has begun; return for how many persons.

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
