"""A hospital decides how its places are given out, from a visit date on (FAIRNESS).

By its own scheduler, or by an administrator who acts for it. Sessions of those dates that exist
already are held for their draw, or are given free again, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guahao.flows.fairness.returning import against_modes, follow_modes
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.modes import (
    DatedMode,
    ModeRefusal,
    Release,
    check_decision,
    decide_change,
    decide_withdrawal,
    earliest_visit_date,
    mode_of,
)
from guahao.rules.hospitals.departments import Department
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import prose
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.releasing import opens_at
from guahao.store.booking.appointments import lock_sessions
from guahao.store.fairness import modes as store
from guahao.store.fairness.modes import Decision
from guahao.store.hospitals import departments as department_store
from guahao.store.hospitals import hospital_rules as rules_store
from guahao.store.hospitals import titles as title_store
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class ModesOverview:
    """A hospital's decisions, and what can be decided: departments, titles, from which date.

    `titles`: those of the city's list that are offered, and those of the hospital's sessions.
    """

    decisions: list[Decision]
    departments: list[Department]
    titles: list[str]
    earliest: date

    @property
    def version(self) -> str:
        """Return what a form that shows the decisions sends back."""
        return version_of([(row.id, row.mode) for row in self.decisions])

    @property
    def modes(self) -> list[DatedMode]:
        """Return the decisions alone."""
        return [row.mode for row in self.decisions]


async def overview(platform: Platform, by: Staff) -> ModesOverview:
    """Return the decisions of the hospital, and what can be decided."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _overview(tx, platform, by.own_hospital_id)


async def _overview(tx: Tx, platform: Platform, hospital_id: int) -> ModesOverview:
    departments = await department_store.listed(tx, hospital_id)
    offered = [title.name for title in await title_store.listed(tx) if title.retired_at is None]
    used = await store.titles_used(tx, hospital_id)
    return ModesOverview(
        await store.listed(tx, hospital_id),
        [department for department in departments if department.parent_id is not None],
        [*offered, *(title for title in used if title not in offered)],
        await _earliest(tx, platform, hospital_id),
    )


async def _earliest(tx: Tx, platform: Platform, hospital_id: int) -> date:
    """Return the first visit date for which no application is taken yet under any rules to come."""
    today = tx.now.date()
    rules = await rules_store.in_force(tx, hospital_id, today)
    assert rules is not None
    pending = [row.rules for row in await rules_store.dated(tx, hospital_id, today)]
    policies = await platform.policies.read(tx)
    to_come = [row.policy for row in policies.rows if row.holds_from > today]
    earliest = earliest_visit_date(tx.now, [rules, *pending], [policies.on(today), *to_come])
    announced = await store.announced_until(tx, hospital_id)
    return earliest if announced is None else max(earliest, announced + ONE_DAY)


async def preview(
    platform: Platform, by: Staff, new: DatedMode, reason: str
) -> datetime | Refused[ModeRefusal]:
    """Return when the decision's first visit date is released, or why it cannot be made."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        found = await _overview(tx, platform, hospital_id)
        refusal = _refusal(found, new, prose(reason), tx.now.date(), found.version)
        if refusal is not None:
            return Refused(refusal)
        policies = await platform.policies.read(tx)
        released = tx.now
        for _ in range(2):  # the rules of today, then those of the day of the release
            day = released.date()
            rules = await rules_store.in_force(tx, hospital_id, day)
            assert rules is not None
            released = opens_at(new.holds_from, rules, policies.on(day))
        return released


def _refusal(
    found: ModesOverview, new: DatedMode, reason: str, today: date, seen: str | None
) -> ModeRefusal | None:
    if new.department_id not in (None, *(department.id for department in found.departments)):
        return ModeRefusal.UNKNOWN_DEPARTMENT
    if new.title not in (None, *found.titles):
        return ModeRefusal.UNKNOWN_TITLE
    return check_decision(new, reason, today, found.earliest) or decide_change(
        new, found.modes, seen_current=seen in (None, found.version)
    )


async def decide(
    platform: Platform, by: Staff, new: DatedMode, reason: str, seen: str | None = None
) -> int | Refused[ModeRefusal]:
    """Decide how places are given out; return the decision's id.

    A decision for the same sessions and date is replaced. `seen`: the version of the decisions
    that were shown; on others than these nothing is decided.
    """
    hospital_id, reason = by.own_hospital_id, prose(reason)
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await rules_store.lock_hospital(act.tx, hospital_id)
        found = await _overview(act.tx, platform, hospital_id)
        refusal = _refusal(found, new, reason, act.now.date(), seen)
        if refusal is not None:
            return Refused(refusal)
        before = mode_of(found.modes, new.department_id, new.title, new.holds_from)
        # A hospital's role may only add decisions; which hospital's it is stands in the SQL.
        async with act.tx.as_platform():
            id = await store.put(act.tx, hospital_id, new, reason, by.login)
            changed = await _settle(act.tx, platform, hospital_id, new, found.modes)
        detail = _detail(found, new, before, new.release, changed)
        await act.record("decide_release_mode", ("release_mode", id), reason=reason, detail=detail)
        return id


async def withdraw(
    platform: Platform, by: Staff, decision_id: int, reason: str
) -> Done | Refused[ModeRefusal]:
    """Withdraw a decision for dates whose applications have not begun."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await rules_store.lock_hospital(act.tx, hospital_id)
        found = await _overview(act.tx, platform, hospital_id)
        modes = {row.id: row.mode for row in found.decisions}
        old = modes.pop(decision_id, None)
        refusal = decide_withdrawal(old, found.earliest)
        if refusal is not None:
            return Refused(refusal)
        assert old is not None
        async with act.tx.as_platform():
            await store.delete(act.tx, hospital_id, decision_id)
            changed = await _settle(act.tx, platform, hospital_id, old, found.modes)
        after = mode_of(modes.values(), old.department_id, old.title, old.holds_from)
        detail = _detail(found, old, old.release, after, changed)
        subject = ("release_mode", decision_id)
        await act.record("withdraw_release_mode", subject, reason=reason, detail=detail)
        return DONE


async def _settle(
    tx: Tx, platform: Platform, hospital_id: int, scope: DatedMode, before: Sequence[DatedMode]
) -> int:
    """Hold the scope's sessions for their draw, or give them free again; return how many.

    None of them was released, so none has a booking, and nobody was told of a draw.
    """
    after = (await store.of_hospitals(tx, [hospital_id])).get(hospital_id, [])
    changed = [
        session.id
        for session in await store.sessions_of(tx, hospital_id, scope)
        if mode_of(before, session.department_id, session.title, session.visit_date)
        != mode_of(after, session.department_id, session.title, session.visit_date)
    ]
    await lock_sessions(tx, changed)
    await follow_modes(tx, platform, changed)
    return len(changed)


async def sweep(platform: Platform) -> int:
    """Let sessions follow the release modes that they missed; return how many were wrong.

    Sessions that were made while a decision was on its way, and those of which the hospital's
    rules have changed since. What is announced already stays as it is.
    """
    async with platform.db.transaction() as tx:
        hospital_ids = await store.deciding_hospitals(tx)
    swept = 0
    for hospital_id in hospital_ids:
        async with platform.db.transaction() as tx:
            await rules_store.lock_hospital(tx, hospital_id)
            earliest = await _earliest(tx, platform, hospital_id)
            sessions = await store.sessions_from(tx, hospital_id, earliest)
            wrong = await against_modes(tx, platform, sessions)
            await lock_sessions(tx, wrong)
            await follow_modes(tx, platform, wrong)
            swept += len(wrong)
    return swept


def _detail(
    found: ModesOverview, scope: DatedMode, before: Release, after: Release, sessions: int
) -> dict[str, object]:
    names = {department.id: department.name for department in found.departments}
    return {
        "department": None if scope.department_id is None else names.get(scope.department_id),
        "title": scope.title,
        "holds_from": scope.holds_from,
        "before": _words(before),
        "after": _words(after),
        "sessions": sessions,
    }


def _words(release: Release) -> dict[str, str | int]:
    return {"release_mode": release.mode, "referral_percent": release.referral_percent}
