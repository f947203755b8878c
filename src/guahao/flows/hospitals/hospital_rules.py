"""A hospital changes its booking rules from a date on (S4-S6, S11, S14).

`hospitals` holds the rules a hospital begins with: write them when it is added, never later.
Whoever changes a hospital's rules afterwards, an import too, calls `change`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, time
from enum import StrEnum

from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import hospital_rules as store
from guahao.store.hospitals.hospital_rules import DatedRules
from guahao.store.kernel.db import Tx

CYCLE_DAYS_MAX = 92
CANCEL_DAYS_MAX = 30


class RulesRefusal(StrEnum):
    """Why a hospital's rules are not changed."""

    NOT_BEFORE_TOMORROW = "not_before_tomorrow"
    CYCLE_DAYS = "cycle_days"
    CANCEL_DAYS = "cancel_days"
    NO_CHANGE = "no_change"
    NOT_PENDING = "not_pending"
    CHANGED_MEANWHILE = "changed_meanwhile"


@dataclass(frozen=True, slots=True)
class RulesOverview:
    """The rules in force today, and those that will hold, the next first."""

    today: HospitalRules
    pending: list[DatedRules]

    @property
    def version(self) -> str:
        """What a form that shows them gives back."""
        return version_of(self)


async def overview(platform: Platform, by: Staff) -> RulesOverview:
    """The rules of the scheduler's own hospital."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return await _overview(tx, hospital_id)


async def _overview(tx: Tx, hospital_id: int) -> RulesOverview:
    rules = await store.in_force(tx, hospital_id, tx.now.date())
    assert rules is not None
    return RulesOverview(rules, await store.dated(tx, hospital_id, tx.now.date()))


def refused_rules(holds_from: date, rules: HospitalRules, today: date) -> RulesRefusal | None:
    """What no hospital's rules may be, and from when they may hold."""
    if holds_from <= today:
        return RulesRefusal.NOT_BEFORE_TOMORROW
    return refused_numbers(rules)


def refused_numbers(rules: HospitalRules) -> RulesRefusal | None:
    """What no hospital's rules may be, those it begins with among them."""
    if rules.cycle_days is not None and not 1 <= rules.cycle_days <= CYCLE_DAYS_MAX:
        return RulesRefusal.CYCLE_DAYS
    # Never on the visit day, whatever the hospital wishes (S14).
    if not 1 <= rules.cancel_days_before <= CANCEL_DAYS_MAX:
        return RulesRefusal.CANCEL_DAYS
    return None


async def change(
    platform: Platform,
    by: Staff,
    holds_from: date,
    rules: HospitalRules,
    seen: str | None = None,
) -> DatedRules | RulesRefusal:
    """New rules from tomorrow at the earliest; those pending for that very date are replaced.

    `seen`: the version of the rules that were shown; others than these are not changed.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        tx = act.tx
        refused = refused_rules(holds_from, rules, tx.now.date())
        if refused is not None:
            return refused
        await store.lock_hospital(tx, hospital_id)
        if seen is not None and (await _overview(tx, hospital_id)).version != seen:
            return RulesRefusal.CHANGED_MEANWHILE
        return await change_in(act, hospital_id, DatedRules(holds_from, rules))


async def change_in(act: Acting, hospital_id: int, new: DatedRules) -> DatedRules | RulesRefusal:
    """Within a transaction that has the hospital's lock; what is given is not refused."""
    before = await store.in_force(act.tx, hospital_id, new.holds_from)
    assert before is not None
    if before == new.rules:
        return RulesRefusal.NO_CHANGE
    await store.put(act.tx, hospital_id, new)
    detail = {
        "holds_from": new.holds_from,
        "before": _words(before),
        "after": _words(new.rules),
    }
    subject = ("hospital", hospital_id)
    await act.record("change_rules", subject, detail=detail, hospital_id=hospital_id)
    return new


async def withdraw(
    platform: Platform, by: Staff, holds_from: date, reason: str = ""
) -> RulesRefusal | None:
    """Take back rules that do not hold yet; None where that is done."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        if holds_from <= act.now.date():
            return RulesRefusal.NOT_PENDING
        await store.lock_hospital(act.tx, hospital_id)
        gone = await store.withdraw(act.tx, hospital_id, holds_from)
        if gone is None:
            return RulesRefusal.NOT_PENDING
        after = await store.in_force(act.tx, hospital_id, holds_from - ONE_DAY)
        assert after is not None
        detail = {"holds_from": holds_from, "before": _words(gone), "after": _words(after)}
        subject = ("hospital", hospital_id)
        await act.record("withdraw_rules", subject, reason=reason, detail=detail)
        return None


def _words(rules: HospitalRules) -> dict[str, int | str | None]:
    """Rules as the audit trail keeps them."""
    values = {field.name: getattr(rules, field.name) for field in fields(rules)}
    return {
        name: value.isoformat("minutes") if isinstance(value, time) else value
        for name, value in values.items()
    }
