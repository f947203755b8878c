"""A hospital's own system publishes departments and sessions, many in one call.

Each item stands for itself: what is right is carried out, what is not is refused by name. A
list is worked on in chunks, each a transaction that locks only what it changes, so that no
booking waits for more than one chunk; what a crash cut off is done by sending the list again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, time, timedelta
from typing import Any

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import OfHospital
from guahao.rules.supply.feeding import (
    Department,
    Fed,
    ItemRefusal,
    KnownDepartment,
    KnownSession,
    Session,
    are_hours,
    clinic_key,
    decide_department,
    decide_session,
)
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import feeding as store
from guahao.store.supply.double_supply import Beside, beside_timetables
from guahao.store.supply.feeding import FedSession

ITEMS_MAX = 10_000
ITEMS_A_CHUNK = 500
LISTED_DAYS = 31  # without an end, a list of sessions goes so far


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item. `id`: ours; `booked`: where fewer places were asked for.

    `beside`: the same clinic is on offer by a weekly timetable, too.
    """

    what: Fed | ItemRefusal
    id: int | None = None
    booked: int | None = None
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class WantedSession:
    """A session by the hospital's ids; money in 分."""

    external_id: str
    department_external_id: str
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int

    def of(self, department_id: int) -> Session:
        """What is to be compared with what is there."""
        return Session(
            *(department_id, self.title, self.specialty, self.visit_date, self.period),
            *(self.starts_at, self.ends_at, self.fee_fen, self.capacity),
        )


@dataclass(frozen=True, slots=True)
class WantedDepartment:
    """A department by the hospital's ids; without a parent it is of the first level."""

    external_id: str
    name: str
    name_en: str
    parent_external_id: str | None
    on_platform: bool


# Sessions ---------------------------------------------------------------------------------


async def publish_sessions(
    platform: Platform, by: OfHospital, wanted: Sequence[WantedSession]
) -> list[Outcome]:
    """Make and change sessions; an outcome for each, in their order."""
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    for start in range(0, len(wanted), ITEMS_A_CHUNK):
        chunk = wanted[start : start + ITEMS_A_CHUNK]
        outcomes += await _publish_chunk(platform, by, chunk, seen)
    return outcomes


async def _publish_chunk(
    platform: Platform, by: OfHospital, chunk: Sequence[WantedSession], seen: set[str]
) -> list[Outcome]:
    """`seen`: the ids of earlier items of this call; those of the chunk are added."""
    twice = _twice([one.external_id for one in chunk], seen)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        plan = await _plan(act.tx, by.own_hospital_id, chunk, twice)
        if not plan.writes:
            return await _warned(act.tx, chunk, plan)
        # What was decided without locks was only to find out whether any are needed.
        await store.lock_feed(act.tx, by.own_hospital_id)
        plan = await _plan(act.tx, by.own_hospital_id, chunk, twice)
        locked = {one.id for one in plan.outcomes if one.id is not None}
        await lock_sessions(act.tx, sorted(locked))
        plan = await _plan(act.tx, by.own_hospital_id, chunk, twice, locked)
        made = await store.add_sessions(act.tx, by.own_hospital_id, plan.created)
        await store.change_sessions(act.tx, plan.changed)
        detail = {"created": list(made.values()), "changed": plan.differences}
        await act.record("publish_sessions", detail=detail)
        return [
            replace(outcome, id=made[one.external_id]) if outcome.what is Fed.CREATED else outcome
            for one, outcome in zip(chunk, await _warned(act.tx, chunk, plan), strict=True)
        ]


async def _warned(tx: Tx, chunk: Sequence[WantedSession], plan: _Plan) -> list[Outcome]:
    """The outcomes of a chunk, with what stands beside a weekly timetable's session."""
    done = {
        one.external_id: one.of(plan.departments[one.department_external_id])
        for one, outcome in zip(chunk, plan.outcomes, strict=True)
        if isinstance(outcome.what, Fed) and one.capacity and one.visit_date > tx.now.date()
    }
    beside = await beside_timetables(tx, done)
    return [
        replace(outcome, beside=beside.get(one.external_id))
        if isinstance(outcome.what, Fed)
        else outcome
        for one, outcome in zip(chunk, plan.outcomes, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a chunk would do, item by item, and what is to be written."""

    departments: dict[str, int]
    outcomes: list[Outcome]
    created: dict[str, Session]
    changed: dict[int, tuple[str, Session]]
    differences: dict[int, dict[str, list[object]]]

    @property
    def writes(self) -> bool:
        return bool(self.created or self.changed)


async def _plan(
    tx: Tx,
    hospital_id: int,
    chunk: Sequence[WantedSession],
    twice: Sequence[bool],
    locked: Collection[int] | None = None,
) -> _Plan:
    """`locked`: of the sessions without an id of the hospital's, those that may be taken over."""
    departments = await store.bookable_departments(tx, hospital_id)
    known = await store.known_sessions(tx, hospital_id, [one.external_id for one in chunk])
    unlinked = await _unlinked(
        tx, hospital_id, [one for one in chunk if one.external_id not in known], departments
    )
    offered = {one.name for one in await titles.listed(tx) if one.retired_at is None}
    plan = _Plan(departments, [], {}, {}, {})
    for one, again in zip(chunk, twice, strict=True):
        department_id = departments.get(one.department_external_id)
        if again:
            plan.outcomes.append(Outcome(ItemRefusal.TWICE))
        elif not are_hours(one.starts_at, one.ends_at):
            plan.outcomes.append(Outcome(ItemRefusal.HOURS))
        elif department_id is None:
            plan.outcomes.append(Outcome(ItemRefusal.DEPARTMENT_UNKNOWN))
        else:
            wanted = one.of(department_id)
            before = known.get(one.external_id) or _take(unlinked, wanted, locked)
            what = decide_session(wanted, before, offered, tx.now.date())
            _note(plan, one.external_id, wanted, before, what)
    return plan


_Unlinked = dict[tuple[object, ...], list[KnownSession]]


async def _unlinked(
    tx: Tx, hospital_id: int, new: Sequence[WantedSession], departments: Mapping[str, int]
) -> _Unlinked:
    """What was planned by other means and is the same clinic as one of these."""
    wanted = [
        one.of(departments[one.department_external_id])
        for one in new
        if one.department_external_id in departments
    ]
    by_clinic: defaultdict[tuple[object, ...], list[KnownSession]] = defaultdict(list)
    if wanted:
        for found in await store.unlinked_sessions(tx, hospital_id, wanted):
            by_clinic[clinic_key(found.session)].append(found)
    return by_clinic


def _take(
    unlinked: _Unlinked, wanted: Session, locked: Collection[int] | None
) -> KnownSession | None:
    """The first of the same clinic, which no other item takes after this."""
    for place, found in enumerate(unlinked.get(clinic_key(wanted), [])):
        if locked is None or found.id in locked:
            return unlinked[clinic_key(wanted)].pop(place)
    return None


def _note(
    plan: _Plan,
    external_id: str,
    wanted: Session,
    before: KnownSession | None,
    what: Fed | ItemRefusal,
) -> None:
    """Keep what was decided of an item, and what is to be written for it."""
    booked = before.booked if before and what is ItemRefusal.BELOW_BOOKED else None
    plan.outcomes.append(Outcome(what, None if before is None else before.id, booked))
    if what is Fed.CREATED:
        plan.created[external_id] = wanted
    elif what is Fed.CHANGED and before is not None:
        plan.changed[before.id] = (external_id, wanted)
        linking: dict[str, list[object]] = (
            {} if before.linked else {"external_id": [None, external_id]}
        )
        plan.differences[before.id] = {**linking, **_differences(before.session, wanted)}


def _differences(before: Session, after: Session) -> dict[str, list[object]]:
    """Before and after, of what changes."""
    pairs: dict[str, list[Any]] = {
        field.name: [getattr(before, field.name), getattr(after, field.name)]
        for field in fields(Session)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _twice(external_ids: Sequence[str], seen: set[str]) -> list[bool]:
    """Which of them came before, in this call; `seen` grows."""
    twice = []
    for one in external_ids:
        twice.append(one in seen)
        seen.add(one)
    return twice


async def list_sessions(
    platform: Platform,
    by: OfHospital,
    first: date | None,
    last: date | None,
    after: int | None,
    limit: int,
) -> tuple[list[FedSession], int | None]:
    """A page of the hospital's sessions, from today on where no day is given; where it goes on."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        start = first or tx.now.date()
        end = last or start + timedelta(days=min(LISTED_DAYS, (date.max - start).days))
        span = (by.own_hospital_id, start, end, after or 0, limit + 1)
        found = await store.sessions_between(tx, *span)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def own_session(platform: Platform, by: OfHospital, external_id: str) -> FedSession | None:
    """A session by the hospital's own id, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.one_session(tx, by.own_hospital_id, external_id)


# Departments ------------------------------------------------------------------------------


async def list_departments(platform: Platform, by: OfHospital) -> list[KnownDepartment]:
    """All of the hospital's, those off the platform among them, each of the first level first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.departments(tx, by.own_hospital_id)
    return sorted(found, key=lambda one: (one.department.parent_id is not None, one.code))


async def publish_departments(
    platform: Platform, by: OfHospital, wanted: Sequence[WantedDepartment]
) -> list[Outcome]:
    """Make and change departments; an outcome for each, in their order.

    Those of the first level first, wherever they stand in the list.
    """
    twice = _twice([one.external_id for one in wanted], set())
    outcomes = [Outcome(ItemRefusal.TWICE)] * len(wanted)
    for first_level in (True, False):
        places = [
            place
            for place, one in enumerate(wanted)
            if not twice[place] and (one.parent_external_id is None) is first_level
        ]
        found = await _publish_level(platform, by, [wanted[place] for place in places])
        for place, outcome in zip(places, found, strict=True):
            outcomes[place] = outcome
    return outcomes


async def _publish_level(
    platform: Platform, by: OfHospital, wanted: Sequence[WantedDepartment]
) -> list[Outcome]:
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        plan = _planned(await store.departments(act.tx, hospital_id), wanted)
        if not plan.writes:
            return plan.outcomes
        await store.lock_feed(act.tx, hospital_id)
        plan = _planned(await store.departments(act.tx, hospital_id), wanted)
        made = await store.add_departments(act.tx, hospital_id, plan.created)
        await store.change_departments(act.tx, plan.changed)
        detail = {"created": list(made.values()), "changed": list(plan.changed)}
        await act.record("publish_departments", detail=detail)
    return [
        _made(made.get(one.external_id)) if outcome.what is Fed.CREATED else outcome
        for one, outcome in zip(wanted, plan.outcomes, strict=True)
    ]


def _made(id: int | None) -> Outcome:
    return Outcome(ItemRefusal.CODE_TAKEN) if id is None else Outcome(Fed.CREATED, id)


@dataclass(frozen=True, slots=True)
class _DepartmentPlan:
    outcomes: list[Outcome]
    created: dict[str, Department]
    changed: dict[int, tuple[str, Department]]

    @property
    def writes(self) -> bool:
        return bool(self.created or self.changed)


def _planned(
    known: Sequence[KnownDepartment], wanted: Sequence[WantedDepartment]
) -> _DepartmentPlan:
    by_external_id = {one.external_id: one for one in known if one.external_id is not None}
    by_code = {one.code: one for one in known}
    plan = _DepartmentPlan([], {}, {})
    for one in wanted:
        linked = by_external_id.get(one.external_id)
        coded = by_code.get(one.external_id)
        adopted = coded if coded is not None and coded.external_id is None else None
        parent = by_external_id.get(one.parent_external_id or "")
        plan.outcomes.append(
            Outcome(ItemRefusal.PARENT_UNKNOWN)
            if one.parent_external_id and (parent is None or parent.department.parent_id)
            else _decide_department(plan, one, parent, linked, adopted, coded is not None)
        )
    return plan


def _decide_department(
    plan: _DepartmentPlan,
    one: WantedDepartment,
    parent: KnownDepartment | None,
    linked: KnownDepartment | None,
    adopted: KnownDepartment | None,
    code_taken: bool,
) -> Outcome:
    parent_id = None if parent is None else parent.id
    wanted = Department(one.name, one.name_en, parent_id, one.on_platform)
    known = linked or adopted
    what = decide_department(wanted, known, linked=linked is not None, code_taken=code_taken)
    if what is Fed.CREATED:
        plan.created[one.external_id] = wanted
    elif what is Fed.CHANGED and known is not None:
        plan.changed[known.id] = (one.external_id, wanted)
    return Outcome(what, None if known is None else known.id)
