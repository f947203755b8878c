"""The search by need: where there is a place, and when soonest (S1)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.hospitals.search import PAGE, Results, SearchRequest, search
from guahao.store.hospitals.places import OpenHospital, OpenPlace
from guahao.store.hospitals.search import HospitalHit
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, ProblemError, ShortText, read_query
from guahao.web.words.language import reader_language
from guahao.words.catalogue import Language
from guahao.words.text import Words

_PAGES_MAX = 500

PageNumber = Annotated[int, msgspec.Meta(ge=1, le=_PAGES_MAX)]


class SearchQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The search: a hospital, a department, an illness or a complaint."""

    q: ShortText
    district: ShortText | UnsetType = UNSET
    grade: ShortText | UnsetType = UNSET
    only_open: bool = False
    page: PageNumber = 1


class FoundHospital(msgspec.Struct):
    """A hospital; its position in degrees, null if unknown."""

    id: int
    name: str
    grade: str
    district: str
    latitude: float | None
    longitude: float | None


class FoundPlace(msgspec.Struct):
    """A department, its first day with places, how many are left, and fees; money in 分."""

    department_id: int
    department: str
    hospital: FoundHospital
    soonest: str | None
    remaining: int
    fee_fen: int | None
    fee_fen_most: int | None


class FoundHospitalPlaces(msgspec.Struct):
    """A hospital, the first day on which a department has places, and how many do."""

    hospital: FoundHospital
    soonest: str | None
    departments: int


class SearchResults(msgspec.Struct):
    """Places by how well they match, then the soonest first; hospitals by how well they match.

    `terms`: what was recognised. `urgent`: it may be an emergency. No diagnosis.
    """

    places: list[FoundPlace]
    hospitals: list[FoundHospitalPlaces]
    hospitals_first: bool
    terms: list[str]
    urgent: bool
    guessed: str
    next_page: int | None


_HOSPITAL = FoundHospital(3, "城东人民医院", "三级甲等", "城东区", 30.01, 125.02)
_SEARCH = Endpoint(
    "GET",
    "/search",
    Words("医院与科室", "api"),
    Words("按需要查找最早的号"),
    SearchResults(
        [FoundPlace(41, "神经内科", _HOSPITAL, "2026-12-03", 12, 5000, 8000)],
        [],
        hospitals_first=False,
        terms=["头疼"],
        urgent=False,
        guessed="",
        next_page=2,
    ),
    query=SearchQuery,
    needs_token=False,
)


def search_routes(services: Services) -> list[Route]:
    """Return GET /search."""

    async def found(request: ApiRequest) -> ASGIApp:
        query = read_query(request, SearchQuery)
        caller, now = services.callers.of(request.scope), services.platform.db.seconds()
        wait_seconds = services.desk.velocity.search(caller, now)
        if wait_seconds is not None:
            raise ProblemError("too_many_requests", retry_after_seconds=wait_seconds)
        asked = SearchRequest(
            query.q, query.district or "", query.grade or "", only_open=query.only_open
        )
        results = await search(services.platform, asked, query.page, PAGE)
        return json_answer(_results(results, query.page, reader_language(request.scope)))

    return [Route(_SEARCH, found)]


def _results(results: Results, page: int, language: Language) -> SearchResults:
    return SearchResults(
        [_place(place, language) for place in results.places],
        [_hospital_places(hospital, language) for hospital in results.hospitals],
        results.hospitals_first,
        [_named(term.facts.name, term.facts.name_en, language) for term in results.terms],
        results.urgent,
        results.guessed,
        page + 1 if results.more and page < _PAGES_MAX else None,
    )


def _place(place: OpenPlace, language: Language) -> FoundPlace:
    return FoundPlace(
        place.id,
        _named(place.name, place.name_en, language),
        _hospital(place.hospital, place.latitude, place.longitude, language),
        None if place.soonest is None else place.soonest.isoformat(),
        place.remaining,
        place.fee_fen,
        place.fee_fen_most,
    )


def _hospital_places(found: OpenHospital, language: Language) -> FoundHospitalPlaces:
    return FoundHospitalPlaces(
        _hospital(found.hospital, found.latitude, found.longitude, language),
        None if found.soonest is None else found.soonest.isoformat(),
        found.departments,
    )


def _hospital(
    hospital: HospitalHit, latitude: float | None, longitude: float | None, language: Language
) -> FoundHospital:
    name = _named(hospital.name, hospital.name_en, language)
    district = _named(hospital.district, hospital.district_en, language)
    return FoundHospital(hospital.id, name, hospital.grade, district, latitude, longitude)


def _named(name: str, name_en: str, language: Language) -> str:
    """Return the name in the reader's language, where it has one."""
    return name_en if language == "en" and name_en else name
