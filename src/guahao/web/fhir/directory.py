"""Organization, Location, HealthcareService, Schedule: hospitals and their departments."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fhir.resources.R4B.resource import Resource
from litestar.types import ASGIApp

from guahao.flows.directory import hospital, search_hospitals
from guahao.flows.listings import departments_by_id, page_of_departments
from guahao.store.listings import BookableDepartment
from guahao.store.views import HospitalView
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import searchset
from guahao.web.fhir.door import Door, Handler, Route, resource_answer
from guahao.web.fhir.search import Search, read_search
from guahao.web.reading import ApiRequest, ProblemError, read_id


def directory_routes() -> list[Route]:
    """Read and search of all four."""
    hospitals = (("Organization", resources.organization), ("Location", resources.location))
    departments = (
        ("HealthcareService", resources.healthcare_service),
        ("Schedule", resources.schedule),
    )
    return [
        *[Route("GET", f"/{kind}/{{id}}", _read_hospital(made)) for kind, made in hospitals],
        *[Route("GET", f"/{kind}", _search_hospitals(kind, made)) for kind, made in hospitals],
        *[Route("GET", f"/{kind}/{{id}}", _read_department(made)) for kind, made in departments],
        *[Route("GET", f"/{kind}", _search_departments(kind, made)) for kind, made in departments],
    ]


def _read_hospital(made: Callable[[HospitalView], Resource]) -> Handler:
    async def read(door: Door, request: ApiRequest) -> ASGIApp:
        found = await hospital(door.platform, read_id(request, "id", "not_found"))
        if found is None:
            raise ProblemError("not_found")
        return resource_answer(made(found))

    return read


def _search_hospitals(kind: str, made: Callable[[HospitalView], Resource]) -> Handler:
    async def search(door: Door, request: ApiRequest) -> ASGIApp:
        asked = read_search(request, "name", "address", "organization")
        ids = asked.ids("_id")
        if ids is None:
            ids = asked.ids("organization", "Organization")
        if ids is not None:
            views = await _hospitals(door, ids)
            return searchset(door, kind, asked, [made(v) for v in views], total=len(views))
        cursor, limit = asked.cursor, max(asked.count, 1)
        name, address = asked.text("name"), asked.text("address")
        views, after = await search_hospitals(door.platform, name, address, None, cursor, limit)
        return searchset(door, kind, asked, [made(view) for view in views], next_cursor=after)

    return search


def _read_department(made: Callable[[BookableDepartment], Resource]) -> Handler:
    async def read(door: Door, request: ApiRequest) -> ASGIApp:
        found = await departments_by_id(door.platform, [read_id(request, "id", "not_found")])
        if not found:
            raise ProblemError("not_found")
        return resource_answer(made(found[0]))

    return read


def _search_departments(kind: str, made: Callable[[BookableDepartment], Resource]) -> Handler:
    async def search(door: Door, request: ApiRequest) -> ASGIApp:
        asked = read_search(request, "organization", "name", "service-type", "actor", "location")
        found, after = await _departments(door, asked)
        included = await _included(door, kind, asked, found)
        return searchset(
            door, kind, asked, [made(d) for d in found], next_cursor=after, included=included
        )

    return search


async def _departments(door: Door, asked: Search) -> tuple[list[BookableDepartment], int | None]:
    ids = asked.ids("_id")
    if ids is None and "HealthcareService/" in (asked.text("actor") or ""):
        ids = asked.ids("actor", "HealthcareService")
    if ids is not None:
        return await departments_by_id(door.platform, ids), None
    named = asked.text("name") or asked.text("service-type")
    hospital_id = _hospital_asked(asked)
    return await page_of_departments(
        door.platform, hospital_id, named, asked.cursor, max(asked.count, 1)
    )


def _hospital_asked(asked: Search) -> int | None:
    """The one hospital that was asked for, as organization, location or actor; 0: none of ours."""
    for name, kind in (
        ("organization", "Organization"),
        ("location", "Location"),
        ("actor", "Location"),
    ):
        ids = asked.ids(name, kind)
        if ids is not None:
            return ids[0] if ids else 0
    return None


async def _included(
    door: Door, kind: str, asked: Search, found: list[BookableDepartment]
) -> list[Resource]:
    hospital_ids = sorted({department.hospital_id for department in found})
    included: list[Resource] = []
    if "Schedule:actor" in asked.includes and kind == "Schedule":
        included += [resources.healthcare_service(department) for department in found]
    wishes = {
        "HealthcareService:organization": resources.organization,
        "HealthcareService:location": resources.location,
        "Schedule:actor": resources.location,
    }
    for wish in sorted(asked.includes & wishes.keys()):
        if wish.startswith(f"{kind}:"):
            included += [wishes[wish](view) for view in await _hospitals(door, hospital_ids)]
    return included


async def _hospitals(door: Door, ids: Iterable[int]) -> list[HospitalView]:
    views = [await hospital(door.platform, id) for id in ids]
    return [view for view in views if view is not None]
