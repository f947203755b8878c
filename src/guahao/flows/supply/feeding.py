"""A hospital's own system publishes departments and sessions, many in one call.

Each item stands for itself: what is right is carried out, what is not is refused by name. A
list is worked on in chunks, each a transaction that locks only what it changes, so that no
booking waits for more than one chunk; what a crash cut off is done by sending the list again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta

from guahao.flows.fairness.returning import new_places, returning_places
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.returning import Cause
from guahao.rules.staff.staff import OfHospital
from guahao.rules.supply.changes import (
    SessionRefused,
    SessionTerms,
    StoredSession,
    UpsertResult,
    decide_session,
    differences,
)
from guahao.rules.supply.feeding import (
    ItemRefusal,
    PublishedDepartment,
    StoredDepartment,
    decide_department,
)
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import changes
from guahao.store.supply import feeding as store
from guahao.store.supply.double_supply import DoubleSupply, beside_timetables
from guahao.store.supply.feeding import HospitalSession, Match

ITEMS_MAX = 10_000
ITEMS_A_CHUNK = 500
LISTED_DAYS = 31  # without an end, a list of sessions goes so far


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item. `id`: ours.

    `beside`: the same clinic is on offer by a weekly timetable, too.
    """

    what: UpsertResult | ItemRefusal | SessionRefused
    id: int | None = None
    beside: DoubleSupply | None = None


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

    def terms(self, department_id: int) -> SessionTerms:
        """Return its terms in a department of the platform."""
        return SessionTerms(
            *(department_id, self.title, self.specialty, self.visit_date, self.period),
            *(self.starts_at, self.ends_at, self.fee_fen, self.capacity),
        )

    def is_published(self, session: HospitalSession | None) -> bool:
        """Return whether the session is stored just so."""
        return (
            session is not None
            and session.department_external_id == self.department_external_id
            and session.session == self.terms(session.session.department_id)
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
    """Make and change sessions; return an outcome for each, in their order."""
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    for start in range(0, len(wanted), ITEMS_A_CHUNK):
        chunk = wanted[start : start + ITEMS_A_CHUNK]
        outcomes += await _publish_chunk(platform, by, chunk, seen)
    return outcomes


async def _publish_chunk(
    platform: Platform, by: OfHospital, chunk: Sequence[WantedSession], seen: set[str]
) -> list[Outcome]:
    """Publish a chunk. `seen`: the ids of earlier items of this call; the chunk's are added.

    What is stored just as it is published is answered without a lock, as a system may send all
    its sessions every minute. For the rest the facts are read once, under the locks.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        tx = act.tx
        published = await store.published(tx, hospital_id, [item.external_id for item in chunk])
        plan = _Plan()
        rest: dict[int, WantedSession] = {}
        for place, item in enumerate(chunk):
            session = published.get(item.external_id)
            if item.external_id in seen:
                plan.outcomes[place] = Outcome(ItemRefusal.TWICE)
            elif session is not None and item.is_published(session):
                plan.outcomes[place] = Outcome(UpsertResult.UNCHANGED, session.id)
                plan.published[item.external_id] = session.session
            else:
                rest[place] = item
            seen.add(item.external_id)
        if rest:
            await store.lock_feed(tx, hospital_id)
            departments = await store.bookable_departments(tx, hospital_id)
            wanted = {
                item.external_id: item.terms(departments[item.department_external_id])
                for item in rest.values()
                if item.department_external_id in departments
            }
            known = await _lock_known(tx, hospital_id, wanted)
            offered = {title.name for title in await titles.listed(tx) if title.retired_at is None}
            _decide(plan, rest, wanted, known, offered, act.now.date())
        if plan.created or plan.changed:
            made = await store.add_sessions(tx, hospital_id, plan.created)
            await new_places(tx, platform, list(made.values()))
            async with returning_places(tx, platform, list(plan.changed), Cause.CAPACITY_RAISED):
                await changes.change_sessions(tx, plan.changed)
            await changes.link_sessions(tx, plan.linked)
            detail = {"created": list(made.values()), "changed": plan.detail}
            await act.record("publish_sessions", detail=detail)
            plan.outcomes |= {
                place: Outcome(UpsertResult.CREATED, made[chunk[place].external_id])
                for place, outcome in plan.outcomes.items()
                if outcome.what is UpsertResult.CREATED
            }
        beside = await beside_timetables(
            tx,
            {
                external_id: terms
                for external_id, terms in plan.published.items()
                if terms.capacity and terms.visit_date > act.now.date()
            },
        )
    for place, item in enumerate(chunk):
        outcome = plan.outcomes[place]
        if item.external_id in beside and isinstance(outcome.what, UpsertResult):
            plan.outcomes[place] = replace(outcome, beside=beside[item.external_id])
    return [plan.outcomes[place] for place in range(len(chunk))]


@dataclass(slots=True)
class _Plan:
    """What becomes of a chunk's items, by their places, and what is to be stored."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    published: dict[str, SessionTerms] = field(default_factory=dict)  # as they are from now on
    created: dict[str, SessionTerms] = field(default_factory=dict)
    changed: dict[int, SessionTerms] = field(default_factory=dict)
    linked: dict[int, str] = field(default_factory=dict)
    detail: dict[int, dict[str, list[object]]] = field(default_factory=dict)


def _decide(
    plan: _Plan,
    items: Mapping[int, WantedSession],
    wanted: Mapping[str, SessionTerms],
    known: Mapping[str, tuple[int, StoredSession]],
    offered: Collection[str],
    today: date,
) -> None:
    """Decide on the items of a chunk; `wanted`: those whose department is known."""
    for place, item in items.items():
        terms = wanted.get(item.external_id)
        if terms is None:
            plan.outcomes[place] = Outcome(ItemRefusal.DEPARTMENT_UNKNOWN)
            continue
        id, facts = known.get(item.external_id, (None, None))
        what = decide_session(terms, facts, offered, today)
        plan.outcomes[place] = Outcome(what, id)
        if isinstance(what, SessionRefused):
            continue
        plan.published[item.external_id] = terms
        if id is None or facts is None:
            plan.created[item.external_id] = terms
        elif what is UpsertResult.CHANGED:
            plan.changed[id] = terms
            plan.detail[id] = differences(facts.terms, terms)
            if not facts.linked:
                plan.linked[id] = item.external_id
                plan.detail[id] = {"external_id": [None, item.external_id], **plan.detail[id]}


async def _lock_known(
    tx: Tx, hospital_id: int, wanted: Mapping[str, SessionTerms]
) -> dict[str, tuple[int, StoredSession]]:
    """Lock the sessions that these items mean, and read their facts, by the hospital's ids.

    An item without a session of its own takes the first one of the same clinic that no other
    item takes. Whether it is of that clinic is looked at again under its lock: a timetable or a
    form may have changed it meanwhile.
    """
    found = await store.matches(tx, hospital_id, wanted)
    while True:
        meant, own = _meant(wanted, found)
        await lock_sessions(tx, list(meant.values()))
        if len(own) == len(meant):
            break
        again = await store.matches(tx, hospital_id, wanted)
        if again == found:
            break
        found = again
    facts = await changes.facts_by_id(tx, list(meant.values()))
    return {
        external_id: (id, replace(facts[id], linked=external_id in own))
        for external_id, id in meant.items()
        if id in facts
    }


def _meant(
    wanted: Mapping[str, SessionTerms], found: Sequence[Match]
) -> tuple[dict[str, int], set[str]]:
    """Return the session that each item means, and the items that have one of their own."""
    meant = {match.external_id: match.id for match in found if match.linked}
    own = set(meant)
    unlinked: defaultdict[str, list[int]] = defaultdict(list)
    for match in found:
        if not match.linked:
            unlinked[match.external_id].append(match.id)
    taken: set[int] = set()
    for external_id in wanted:
        if external_id not in own:
            free = [id for id in unlinked[external_id] if id not in taken]
            if free:
                meant[external_id] = free[0]
                taken.add(free[0])
    return meant, own


async def list_sessions(
    platform: Platform,
    by: OfHospital,
    first: date | None,
    last: date | None,
    after: int | None,
    limit: int,
) -> tuple[list[HospitalSession], int | None]:
    """Return a page of the hospital's sessions, and after which id the next page begins.

    From today on where no day is given.
    """
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        start = first or tx.now.date()
        end = last or start + timedelta(days=min(LISTED_DAYS, (date.max - start).days))
        span = (by.own_hospital_id, start, end, after or 0, limit + 1)
        found = await store.sessions_between(tx, *span)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


# Departments ------------------------------------------------------------------------------


async def list_departments(platform: Platform, by: OfHospital) -> list[StoredDepartment]:
    """Return all of the hospital's departments, those of the first level first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.departments(tx, by.own_hospital_id)
    return sorted(found, key=lambda known: (known.department.parent_id is not None, known.code))


async def publish_departments(
    platform: Platform, by: OfHospital, wanted: Sequence[WantedDepartment]
) -> list[Outcome]:
    """Make and change departments; return an outcome for each, in their order.

    Those of the first level first, wherever they stand in the list.
    """
    outcomes = [Outcome(ItemRefusal.TWICE)] * len(wanted)
    first_places = {item.external_id: place for place, item in reversed([*enumerate(wanted)])}
    for is_first_level in (True, False):
        level = {
            place: item
            for place, item in enumerate(wanted)
            if first_places[item.external_id] == place
            and (item.parent_external_id is None) is is_first_level
        }
        for place, outcome in (await _publish_level(platform, by, level)).items():
            outcomes[place] = outcome
    return outcomes


async def _publish_level(
    platform: Platform, by: OfHospital, wanted: Mapping[int, WantedDepartment]
) -> dict[int, Outcome]:
    """Publish a level; what is stored just so is answered without a lock, as with sessions."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        known = _Known(await store.departments(act.tx, hospital_id))
        outcomes: dict[int, Outcome] = {}
        for place, item in wanted.items():
            found = known.published(item)
            if found is not None:
                outcomes[place] = Outcome(UpsertResult.UNCHANGED, found.id)
        rest = {place: item for place, item in wanted.items() if place not in outcomes}
        if not rest:
            return outcomes
        await store.lock_feed(act.tx, hospital_id)
        known = _Known(await store.departments(act.tx, hospital_id))
        created: dict[str, PublishedDepartment] = {}
        changed: dict[int, tuple[str, PublishedDepartment]] = {}
        for place, item in rest.items():
            outcome = known.decide(item)
            outcomes[place] = outcome
            if outcome.what is UpsertResult.CREATED:
                created[item.external_id] = known.department(item)
            elif outcome.what is UpsertResult.CHANGED and outcome.id is not None:
                changed[outcome.id] = (item.external_id, known.department(item))
        if not created and not changed:
            return outcomes
        made = await store.add_departments(act.tx, hospital_id, created)
        await store.change_departments(act.tx, changed)
        detail = {"created": list(made.values()), "changed": list(changed)}
        await act.record("publish_departments", detail=detail)
    for place, item in rest.items():
        if outcomes[place].what is UpsertResult.CREATED:
            id = made.get(item.external_id)
            outcomes[place] = (
                Outcome(ItemRefusal.CODE_TAKEN) if id is None else Outcome(UpsertResult.CREATED, id)
            )
    return outcomes


class _Known:
    """A hospital's departments as they are stored."""

    def __init__(self, departments: Sequence[StoredDepartment]) -> None:
        self.by_external_id = {
            found.external_id: found for found in departments if found.external_id is not None
        }
        self._by_code = {found.code: found for found in departments}

    def department(self, item: WantedDepartment) -> PublishedDepartment:
        """Return the department that the item publishes."""
        parent = self.by_external_id.get(item.parent_external_id or "")
        parent_id = None if parent is None else parent.id
        return PublishedDepartment(item.name, item.name_en, parent_id, item.on_platform)

    def published(self, item: WantedDepartment) -> StoredDepartment | None:
        """Return the department that is stored just as the item publishes it, or None."""
        found = self.by_external_id.get(item.external_id)
        if found is None or self.lacks_parent(item):
            return None
        return found if found.department == self.department(item) else None

    def lacks_parent(self, item: WantedDepartment) -> bool:
        """Return whether the item names a parent that is no department of the first level."""
        if not item.parent_external_id:
            return False
        parent = self.by_external_id.get(item.parent_external_id)
        return parent is None or parent.department.parent_id is not None

    def decide(self, item: WantedDepartment) -> Outcome:
        """Decide on an item; its parent has been published before it."""
        if self.lacks_parent(item):
            return Outcome(ItemRefusal.PARENT_UNKNOWN)
        linked = self.by_external_id.get(item.external_id)
        coded = self._by_code.get(item.external_id)
        before = linked
        if before is None and coded is not None and coded.external_id is None:
            before = coded
        what = decide_department(
            self.department(item),
            before,
            linked=linked is not None,
            code_taken=coded is not None,
        )
        return Outcome(what, None if before is None else before.id)
