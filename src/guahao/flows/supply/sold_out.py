"""How long after its release a session sold out: that is where scalpers (号贩子) are looked for.

The moment of release is derived by the rules: each day's requests by the rules of that day
(docs/decisions/0008, 0016).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from statistics import median_low

from guahao.flows.kernel.platform import Platform
from guahao.flows.reports.reports import named, reading
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.reports.scope import ReportScope
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.releasing import Held, held_together, released_at
from guahao.store.reports import supply as store
from guahao.store.reports.scope import Grouping, Key, Name, names
from guahao.store.reports.supply import Released, SoldOutSession

FASTEST = 50
# From short to long; what took longer than all of them is the rest.
WITHIN = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(days=1),
    timedelta(days=7),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A session that sold out: its release, and how long after it the last place went."""

    session: SoldOutSession
    released_at: datetime
    took: timedelta


@dataclass(frozen=True, slots=True)
class SoldOutGroup:
    """Sessions of a group that were released, and how many sold out how soon.

    `within`: those that took no longer than each of WITHIN and longer than the one before,
    then the rest. `median`: of those that sold out.
    """

    key: Key
    offered: int
    sold_out: int
    median: timedelta | None
    within: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SoldOut:
    """By group, and the sessions that were gone soonest; names of all that is in them.

    `accounts`: how many accounts have the places of each of those sessions.
    """

    groups: list[SoldOutGroup]
    fastest: list[Taken]
    accounts: dict[int, int]
    names: dict[Key, Name]
    hospitals: dict[Key, Name]
    departments: dict[Key, Name]


async def sold_out(
    platform: Platform, by: Staff, scope: ReportScope, grouping: Grouping
) -> SoldOut:
    """Return sessions by visit date, of those whose date was released by now."""
    async with reading(platform, by) as tx:
        policies = await platform.policies.read(tx)
        held = {
            hospital_id: held_together(rules, policies)
            for hospital_id, rules in (await store.rules_held(tx, scope.hospital_id)).items()
        }
        released = [
            span
            for hospital_id, rules in held.items()
            for span in _released(hospital_id, rules, scope, tx.now)
        ]
        offered = await store.offered(tx, scope, released, grouping)
        gone = await store.sold_out(tx, scope)
        taken = [
            Taken(one, opened, max(one.sold_out_at - opened, timedelta()))
            for one in gone
            if (opened := release_of(one.visit_date, held[one.hospital_id])) and opened <= tx.now
        ]
        shown = sorted(taken, key=_soonest_first)[:FASTEST]
        took: defaultdict[Key, list[timedelta]] = defaultdict(list)
        for one in taken:
            took[_key(one.session, grouping)].append(one.took)
        by_key = sorted(offered.items(), key=lambda item: item[0])
        return SoldOut(
            [_group(key, count, took[key]) for key, count in by_key],
            shown,
            await store.accounts_of(tx, [one.session.session_id for one in shown]),
            await named(tx, scope, grouping, offered),
            await names(tx, Grouping.HOSPITAL, {one.session.hospital_id for one in shown}),
            await names(
                tx,
                Grouping.DEPARTMENT,
                {one.session.department_id for one in shown},
                of_one_hospital=True,
            ),
        )


def _soonest_first(one: Taken) -> tuple[timedelta, int, int]:
    return one.took, -one.session.capacity, one.session.session_id


@lru_cache(100_000)
def release_of(visit_date: date, held: tuple[Held, ...]) -> datetime | None:
    """Return when a visit date was released, by the rules of each day; None: never."""
    return released_at(visit_date, held)


def _released(
    hospital_id: int, held: tuple[Held, ...], scope: ReportScope, now: datetime
) -> list[Released]:
    """Return the scope's dates that were released by now, as ranges: nearly always one."""
    ranges: list[Released] = []
    day = scope.first
    while day <= scope.last:
        opened = release_of(day, held)
        if opened is not None and opened <= now:
            goes_on = ranges and ranges[-1].last == day - ONE_DAY
            first = ranges.pop().first if goes_on else day
            ranges.append(Released(hospital_id, first, day))
        day += ONE_DAY
    return ranges


def _key(session: SoldOutSession, grouping: Grouping) -> Key:
    if grouping is Grouping.HOSPITAL:
        return session.hospital_id
    return session.department_id if grouping is Grouping.DEPARTMENT else session.title


def _group(key: Key, offered: int, took: Sequence[timedelta]) -> SoldOutGroup:
    within = Counter(bisect_left(WITHIN, one) for one in took)
    return SoldOutGroup(
        key,
        offered,
        len(took),
        median_low(took) if took else None,
        tuple(within[n] for n in range(len(WITHIN) + 1)),
    )
