"""Departments and titles whose places go within minutes: a draw is proposed (FAIRNESS)."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.flows.reports.reports import reading
from guahao.flows.supply.sold_out import release_of
from guahao.rules.fairness.modes import mode_of
from guahao.rules.fairness.proposing import FAST, FAST_NEEDED, Finding, PastRelease, finding
from guahao.rules.fairness.returning import ReleaseMode
from guahao.rules.reports.scope import ReportScope
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.releasing import held_together
from guahao.store.fairness import modes
from guahao.store.reports import supply as store
from guahao.store.reports.scope import Grouping, Key, Name, names

_LOOKED_BACK = timedelta(days=150)  # twenty releases of a weekly clinic
_LOOKED_AHEAD = timedelta(days=100)  # visit dates that are released today


@dataclass(frozen=True, slots=True)
class Proposal:
    """A department's title whose places a draw should give out, and what speaks for it."""

    hospital_id: int
    department_id: int
    title: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Proposals:
    """The proposals, those with the most fast releases first, and the departments' names."""

    proposals: list[Proposal]
    names: dict[Key, Name]


async def proposals(
    platform: Platform, by: Staff, hospital_id: int | None, department_id: int | None
) -> Proposals:
    """Return where a draw is proposed; not where it is decided already for some date."""
    async with reading(platform, by) as tx:
        today = tx.now.date()
        scope = ReportScope(today - _LOOKED_BACK, today + _LOOKED_AHEAD, hospital_id, department_id)
        policies = await platform.policies.read(tx)
        rules = await store.rules_held(tx, hospital_id)
        held = {id: held_together(dated, policies) for id, dated in rules.items()}
        fast: defaultdict[tuple[int, int, str], Counter[date]] = defaultdict(Counter)
        for session in await store.sold_out(tx, scope):
            opened = release_of(session.visit_date, held[session.hospital_id])
            if opened is not None and session.sold_out_at - opened <= FAST:
                key = (session.hospital_id, session.department_id, session.title)
                fast[key][session.visit_date] += 1
        candidates = [key for key, dates in fast.items() if len(dates) >= FAST_NEEDED]
        decisions = await modes.of_hospitals(tx, sorted({key[0] for key in candidates}))
        undecided = [
            key
            for key in candidates
            if mode_of(decisions.get(key[0], ()), key[1], key[2], date.max).mode
            is ReleaseMode.FIRST_COME
        ]
        offered = await store.offered_by_date(
            tx, scope, sorted({key[1] for key in undecided}), sorted({key[2] for key in undecided})
        )
        found = []
        for key in undecided:
            releases = [
                PastRelease(day, sessions, fast[key][day])
                for day, sessions in offered.get((key[1], key[2]), {}).items()
                if (opened := release_of(day, held[key[0]])) is not None and opened <= tx.now
            ]
            result = finding(releases)
            if result is not None:
                found.append(Proposal(*key, result))
        found.sort(key=lambda one: (-one.finding.fast, one.department_id, one.title))
        ids = {proposal.department_id for proposal in found}
        return Proposals(found, await names(tx, Grouping.DEPARTMENT, ids))
