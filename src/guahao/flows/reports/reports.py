"""Reports for those who steer: numbers by group, never a person's (docs/decisions/0018).

The city's staff see every hospital; a hospital's see their own, which the database enforces.
Suspensions and refusals follow from what a person does in all hospitals: the city's only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate
from typing import Generic, TypeVar

from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.penalties import Suspension, merged, suspensions_by_date
from guahao.rules.kernel.limits import add_months
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.reports.scope import ReportScope, ScopeRefusal, check_scope
from guahao.rules.staff.staff import Staff
from guahao.store.kernel.db import Tx
from guahao.store.reports import bookings as booking_store
from guahao.store.reports import messages as message_store
from guahao.store.reports import refusals as refusal_store
from guahao.store.reports import supply as supply_store
from guahao.store.reports import suspensions as suspension_store
from guahao.store.reports.bookings import Statuses
from guahao.store.reports.messages import DeliveryCount
from guahao.store.reports.refusals import Answers
from guahao.store.reports.scope import (
    Basis,
    Grouping,
    Key,
    Name,
    ScopeChoice,
    counting,
    departments,
    hospitals,
    names,
)
from guahao.store.reports.supply import Axis, Fill

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choices:
    """What a reader may narrow a report to, and whether the scope can be reported on.

    `scope`: as asked for; of a hospital's staff, narrowed to their hospital.
    """

    scope: ReportScope
    hospitals: list[ScopeChoice]
    departments: list[ScopeChoice]
    refusal: ScopeRefusal | None


@dataclass(frozen=True, slots=True)
class Grouped(Generic[T]):
    """A report's rows, and what their keys are called."""

    rows: list[T]
    names: dict[Key, Name]


@dataclass(frozen=True, slots=True)
class Lead:
    """Days from booking to visit, of a group: the usual numbers.

    Half of its bookings were made within `median_days`, nine of ten within
    `nine_tenths_days`.
    """

    key: Key
    made: int
    average_days: float
    median_days: int
    nine_tenths_days: int


@dataclass(frozen=True, slots=True)
class LeadTime:
    """Days from booking to visit: how many bookings each number of days has, and by group."""

    by_days: dict[int, int]
    groups: Grouped[Lead]


@dataclass(frozen=True, slots=True)
class SuspensionMonth:
    """Persons whose suspension began or ended in a month, and who is suspended at its end.

    `running`: on its last day, or today where that is later.
    """

    first: date
    begun: int
    ended: int
    running: int


@asynccontextmanager
async def reading(platform: Platform, by: Staff) -> AsyncIterator[Tx]:
    """Open a transaction that shows what this reader may see. Raises TooSlowError."""
    async with platform.db.transaction(hospital_id=by.hospital_id) as tx, counting(tx):
        yield tx


async def named(
    tx: Tx, scope: ReportScope, grouping: Grouping, keys: Collection[Key]
) -> dict[Key, Name]:
    """Return the names of keys: departments with their hospital, unless the report is of one."""
    return await names(tx, grouping, keys, of_one_hospital=scope.hospital_id is not None)


async def choices(platform: Platform, by: Staff, scope: ReportScope) -> Choices:
    """Check the scope before anything is counted."""
    if by.hospital_id is not None and scope.hospital_id is None:
        scope = replace(scope, hospital_id=by.hospital_id)
    async with reading(platform, by) as tx:
        known = await hospitals(tx)
        found = [] if scope.hospital_id is None else await departments(tx, scope.hospital_id)
    refusal = check_scope(scope, {place.id for place in known}, {place.id for place in found})
    return Choices(scope, known, found, refusal)


async def bookings(
    platform: Platform, by: Staff, scope: ReportScope, basis: Basis, grouping: Grouping
) -> Grouped[Statuses]:
    """Count bookings by status."""
    async with reading(platform, by) as tx:
        rows = await booking_store.by_status(tx, scope, basis, grouping)
        return Grouped(rows, await named(tx, scope, grouping, [row.key for row in rows]))


async def lead_time(
    platform: Platform, by: Staff, scope: ReportScope, basis: Basis, grouping: Grouping
) -> LeadTime:
    """Count how many days before the visit people book; leave out bookings after their visit."""
    async with reading(platform, by) as tx:
        counts = await booking_store.lead_counts(tx, scope, basis, grouping)
        by_key: defaultdict[Key, dict[int, int]] = defaultdict(dict)
        for count in counts:
            by_key[count.key][count.days] = count.made
        key_names = await named(tx, scope, grouping, by_key)
    by_days: Counter[int] = Counter()
    for days in by_key.values():
        by_days.update(days)
    return LeadTime(by_days, Grouped([_lead(*item) for item in by_key.items()], key_names))


def _lead(key: Key, by_days: Mapping[int, int]) -> Lead:
    """Return the lead times. `by_days`: in order of the days."""
    made = sum(by_days.values())
    total = sum(days * count for days, count in by_days.items())
    so_far = list(accumulate(by_days.values()))
    days = list(by_days)
    median = next(n for n, count in enumerate(so_far) if 2 * count >= made)
    most = next(n for n, count in enumerate(so_far) if 10 * count >= 9 * made)
    return Lead(key, made, total / made, days[median], days[most])


async def fill(
    platform: Platform, by: Staff, scope: ReportScope, row: Axis, column: Axis
) -> Grouped[Fill]:
    """Return how full the supply is where rows and columns meet; names are the rows'."""
    async with reading(platform, by) as tx:
        rows = await supply_store.fill(tx, scope, row, column)
        keys = list(dict.fromkeys(cell.row for cell in rows))
        grouping = Grouping.TITLE
        if row in (Axis.HOSPITAL, Axis.DEPARTMENT):
            grouping = Grouping(row.value)
        return Grouped(rows, await named(tx, scope, grouping, keys))


async def deliveries(
    platform: Platform, by: Staff, scope: ReportScope, grouping: Grouping
) -> Grouped[DeliveryCount]:
    """Count messages by whether they arrived."""
    async with reading(platform, by) as tx:
        rows = await message_store.by_state(tx, scope, grouping)
        return Grouped(rows, await named(tx, scope, grouping, [row.key for row in rows]))


async def answers(
    platform: Platform, by: Staff, scope: ReportScope, grouping: Grouping
) -> Grouped[Answers]:
    """Count booking requests by answer. For the city's staff: requests are the city's."""
    assert by.hospital_id is None
    async with reading(platform, by) as tx:
        rows = await refusal_store.by_outcome(tx, scope, grouping)
        return Grouped(rows, await named(tx, scope, grouping, {row.key for row in rows}))


async def suspended(platform: Platform, by: Staff, scope: ReportScope) -> list[SuspensionMonth]:
    """Return suspensions by month (S16), derived anew from the no-shows. For the city's staff.

    Months that have not begun are left out.
    """
    assert by.hospital_id is None
    async with reading(platform, by) as tx:
        policies, today = await platform.policies.read(tx), tx.now.date()
        persons = await suspension_store.counting_no_shows(tx, _fewest(policies))
    spans = [
        span for days in persons for span in merged(suspensions_by_date(days, policies, today))
    ]
    first, months = scope.first.replace(day=1), []
    while first <= min(scope.last, today):
        months.append(_month(first, spans, today))
        first = add_months(first, 1)
    return months


def _fewest(policies: DatedPolicies) -> int:
    """Return how many no-shows any suspension takes, under any policy that has held."""
    ever = [policies.first, *(row.policy for row in policies.rows)]
    return min(min(p.first_suspension_no_shows, p.second_suspension_no_shows) for p in ever)


def _month(first: date, spans: Sequence[Suspension], today: date) -> SuspensionMonth:
    next_month = add_months(first, 1)
    end = min(next_month, date.fromordinal(today.toordinal() + 1))  # exclusive
    last = date.fromordinal(end.toordinal() - 1)
    return SuspensionMonth(
        first,
        begun=sum(first <= span.start < end for span in spans),
        ended=sum(first <= span.end < end for span in spans),
        running=sum(span.start <= last < span.end for span in spans),
    )
