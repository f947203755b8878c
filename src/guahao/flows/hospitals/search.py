"""Where to, and when soonest: understanding a search, and the places that it finds (S1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.needs import Meaning, understand
from guahao.rules.hospitals.search_terms import SearchTerm, TermKind
from guahao.rules.hospitals.vocabulary import Filters, KnownHospital, Vocabulary
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.text import typed
from guahao.rules.supply.releasing import open_dates
from guahao.store.hospitals import announcements as announcement_store
from guahao.store.hospitals import places as place_store
from guahao.store.hospitals import search as store
from guahao.store.hospitals.announcements import Announcement
from guahao.store.hospitals.places import Candidate, OpenHospital, OpenPlace
from guahao.store.hospitals.search import BookedDepartment, DepartmentHit, HospitalHit
from guahao.store.kernel.db import Tx

PAGE = 20
NEAREST_MAX = 200  # places that a browser sorts by distance
# Places that are looked up: of what matches best, and with what matches less.
_CANDIDATES_BEST = 400
_CANDIDATES_MAX = 240
_HOSPITALS_MAX = 50  # each is looked up with all its departments
_HOSPITALS_BESIDE = 3  # places that a search means rather
_RECENT_PLACES = 4


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what was searched for.

    Departments only where something was typed. `more`: there is another page of either.
    `hospitals_first`: rather a hospital is meant. `terms`: what was recognised.
    """

    hospitals: list[HospitalHit]
    departments: list[DepartmentHit]
    more: bool
    hospitals_first: bool
    terms: list[SearchTerm]

    @property
    def is_complaint(self) -> bool:
        """Return whether somebody complained of something, rather than named a place."""
        return _is_complaint(self.terms)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search: what was typed, and what narrows it. `only_open`: only what has places."""

    q: str
    district: str = ""
    grade: str = ""
    only_open: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """A page of places and hospitals, each with its soonest day.

    `hospitals_first`: the search rather means a hospital. `terms`: what was recognised.
    `urgent`: it may be an emergency. `guessed`: the word that was searched for instead.
    `filters`: what all searches can be narrowed down by.
    """

    places: list[OpenPlace]
    hospitals: list[OpenHospital]
    hospitals_first: bool
    terms: list[SearchTerm]
    urgent: bool
    guessed: str
    more: bool
    filters: Filters

    @property
    def is_complaint(self) -> bool:
        """Return whether somebody complained of something, rather than named a place."""
        return _is_complaint(self.terms)


@dataclass(frozen=True, slots=True)
class Home:
    """What the first page shows besides the hospitals."""

    filters: Filters
    announcements: list[Announcement]


async def find(
    platform: Platform, q: str, district: str | None, grade: str | None, page: int = 1
) -> SearchPage:
    """Return what is called so or treats that; `district` and `grade` are exact."""
    async with platform.db.transaction() as tx:
        return await find_in(tx, platform, SearchRequest(q, district or "", grade or ""), page)


async def find_in(tx: Tx, platform: Platform, asked: SearchRequest, page: int = 1) -> SearchPage:
    """Do as `find` does, in a transaction that is open."""
    skip = (page - 1) * PAGE
    meaning, there = _meant(asked, await platform.search.vocabulary(tx))
    ids = _hospital_ids(asked, meaning, there)
    department_ids = [id for _, id in _departments(meaning, there)]
    hospitals = await store.hospitals(tx, ids[skip : skip + PAGE])
    departments = await store.departments(tx, department_ids[skip : skip + PAGE])
    more = max(len(ids), len(department_ids)) > skip + PAGE
    return SearchPage(hospitals, departments, more, meaning.hospitals_first, meaning.terms)


async def search(
    platform: Platform, asked: SearchRequest, page: int = 1, limit: int = PAGE
) -> Results:
    """Return a page of places by how well they match, then the soonest first."""
    skip = (page - 1) * limit
    async with platform.db.transaction() as tx:
        known = await platform.search.vocabulary(tx)
        meaning, there = _meant(asked, known)
        days = await _open_days(tx, platform)
        candidates = [
            Candidate(id, tier, *days[hospital_id])
            for (hospital_id, id), tier in _departments(meaning, there).items()
            if hospital_id in days
        ]
        ids = _hospital_ids(asked, meaning, there)
        first = meaning.hospitals_first or not candidates
        if not first:
            ids = ids[:_HOSPITALS_BESIDE] if page == 1 else []
        shown = ids[skip : skip + min(limit, _HOSPITALS_MAX)] if first else ids
        hospitals = await place_store.open_hospitals(
            tx, [(id, *days[id]) for id in shown if id in days]
        )
        if asked.only_open:
            hospitals = [one for one in hospitals if one.soonest is not None]
        places = []
        if candidates:
            places = await place_store.open_places(
                tx, candidates, only_open=asked.only_open, skip=skip, limit=limit + 1
            )
    return Results(
        places[:limit],
        hospitals,
        first,
        meaning.terms,
        meaning.urgent,
        meaning.guessed,
        len(places) > limit or (first and len(ids) > skip + limit),
        known.filters,
    )


def _is_complaint(terms: list[SearchTerm]) -> bool:
    return any(term.facts.kind is TermKind.COMPLAINT for term in terms)


def hospital_ids(asked: SearchRequest, known: Vocabulary) -> list[int]:
    """Return the hospitals that a search means, the likeliest first."""
    return _hospital_ids(asked, *_meant(asked, known))


def _meant(asked: SearchRequest, known: Vocabulary) -> tuple[Meaning, dict[int, KnownHospital]]:
    """Return what is meant, and the hospitals of the district and grade."""
    there = {
        hospital.id: hospital
        for hospital in known.hospitals
        if asked.district in ("", hospital.district) and asked.grade in ("", hospital.grade)
    }
    return understand(asked.q, known), there


def _hospital_ids(
    asked: SearchRequest, meaning: Meaning, there: dict[int, KnownHospital]
) -> list[int]:
    """Return the hospitals that are meant, the likeliest first; all, where nothing was typed."""
    if not typed(asked.q):
        return sorted(there)
    meant = [id for id in meaning.hospitals if id in there]
    return sorted(meant, key=lambda id: (-meaning.hospitals[id], id))


def _departments(meaning: Meaning, there: dict[int, KnownHospital]) -> dict[tuple[int, int], int]:
    """Return (hospital, department) with its tier, the best first."""
    by_quality: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    within = meaning.within
    best = max(within.values()) if within else 0
    for department, quality in meaning.departments.items():
        for place in department.places:
            if place[0] in there and (within is None or place[0] in within):
                is_best = within is None or within[place[0]] == best
                by_quality.setdefault((round(quality), is_best), []).append(place)
    found: dict[tuple[int, int], int] = {}
    for tier, key in enumerate(sorted(by_quality, reverse=True)):
        room = max(_CANDIDATES_MAX - len(found), 0) if found else _CANDIDATES_BEST
        found.update(dict.fromkeys(sorted(by_quality[key])[:room], tier))
    return found


async def _open_days(tx: Tx, platform: Platform) -> dict[int, tuple[date, date]]:
    """Return the first and last day to be booked of each hospital; the last may be before."""
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    none = (tx.now.date() + ONE_DAY, tx.now.date())
    days = {}
    for rules, ids in await place_store.rules_of_hospitals(tx):
        days.update(dict.fromkeys(ids, open_dates(tx.now, rules, policy) or none))
    return days


async def soonest_places(
    platform: Platform, department_ids: Sequence[int], days: tuple[date, date], limit: int
) -> list[OpenPlace]:
    """Return departments of a hospital that have places in these days, the soonest first."""
    async with platform.db.transaction() as tx:
        candidates = [Candidate(id, 0, *days) for id in department_ids]
        return await place_store.open_places(tx, candidates, only_open=True, skip=0, limit=limit)


async def home(platform: Platform) -> Home:
    """Return the districts and grades, and today's announcements."""
    async with platform.db.transaction() as tx:
        known = await platform.search.vocabulary(tx)
        return Home(known.filters, await announcement_store.shown(tx))


async def recent_places(platform: Platform, account_id: int) -> list[BookedDepartment]:
    """Return where an account booked last."""
    async with platform.db.transaction() as tx:
        return await store.recent_places(tx, account_id, _RECENT_PLACES)
