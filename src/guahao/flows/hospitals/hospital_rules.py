"""A hospital changes its booking rules from a date on (S4-S6, S11, S14).

`hospitals` holds the rules a hospital begins with: they are written when it is added, never
later. Every later change, an import's too, is a dated row.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, time

from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.hospital_rules import (
    DatedRules,
    RulesRefusal,
    decide_change,
    decide_withdrawal,
)
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import hospital_rules as store
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class RulesOverview:
    """The rules in force today, and those that will hold, the next first."""

    today: HospitalRules
    pending: list[DatedRules]

    @property
    def version(self) -> str:
        """Return what a form that shows them sends back."""
        return version_of(self)


async def overview(platform: Platform, by: Staff) -> RulesOverview:
    """Return the rules of the scheduler's own hospital."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return await _overview(tx, hospital_id)


async def _overview(tx: Tx, hospital_id: int) -> RulesOverview:
    rules = await store.in_force(tx, hospital_id, tx.now.date())
    assert rules is not None
    return RulesOverview(rules, await store.dated(tx, hospital_id, tx.now.date()))


async def change(
    platform: Platform,
    by: Staff,
    holds_from: date,
    rules: HospitalRules,
    seen: str | None = None,
) -> DatedRules | Refused[RulesRefusal]:
    """Change the rules from a date on; those pending for that very date are replaced.

    `seen`: the version of the rules that were shown; others than these are not changed.
    """
    new = DatedRules(holds_from, rules)
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await store.lock_hospital(act.tx, hospital_id)
        before = await store.in_force(act.tx, hospital_id, new.holds_from)
        assert before is not None
        current = (await _overview(act.tx, hospital_id)).version
        seen_current = seen in (None, current)
        refusal = decide_change(new, before, act.now.date(), seen_current=seen_current)
        if refusal is not None:
            return Refused(refusal)
        await change_in(act, hospital_id, before, new)
        return new


async def change_in(act: Acting, hospital_id: int, before: HospitalRules, new: DatedRules) -> None:
    """Write rules that were decided on under the hospital's lock.

    `before`: what would hold on the day otherwise.
    """
    await store.put(act.tx, hospital_id, new)
    detail = {
        "holds_from": new.holds_from,
        "before": _words(before),
        "after": _words(new.rules),
    }
    subject = ("hospital", hospital_id)
    await act.record("change_rules", subject, detail=detail, hospital_id=hospital_id)


async def withdraw(
    platform: Platform, by: Staff, holds_from: date, reason: str = ""
) -> Done | Refused[RulesRefusal]:
    """Withdraw rules that do not hold yet."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await store.lock_hospital(act.tx, hospital_id)
        before = await store.on_date(act.tx, hospital_id, holds_from)
        refusal = decide_withdrawal(holds_from, before is not None, act.now.date())
        if refusal is not None:
            return Refused(refusal)
        assert before is not None
        await store.withdraw(act.tx, hospital_id, holds_from)
        after = await store.in_force(act.tx, hospital_id, holds_from - ONE_DAY)
        assert after is not None
        detail = {"holds_from": holds_from, "before": _words(before), "after": _words(after)}
        subject = ("hospital", hospital_id)
        await act.record("withdraw_rules", subject, reason=reason, detail=detail)
        return DONE


def _words(rules: HospitalRules) -> dict[str, int | str | None]:
    """Return rules as the audit trail saves them."""
    return {
        name: value.isoformat("minutes") if isinstance(value, time) else value
        for name, value in asdict(rules).items()
    }
