"""Organization, Location, HealthcareService, Schedule: hospitals and their departments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir.resources.R4B.resource import Resource
from litestar.types import ASGIApp

from guahao.flows.hospitals.directory import hospital, hospitals_by_ids, search_hospitals
from guahao.flows.supply.listings import departments_by_id, page_of_departments
from guahao.store.kernel.views import HospitalView
from guahao.store.supply.listings import BookableDepartment, DepartmentsAsked
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import first_page, page_of, searchset
from guahao.web.fhir.search import Search, all_of, read_search
from guahao.web.fhir.services import Handler, Route, Services, resource_answer, search_routes
from guahao.web.http.reading import ApiRequest, ProblemError, read_id

_EVERY_HOSPITAL = 100_000


def directory_routes() -> list[Route]:
    """Return read and search of all four resources."""
    hospitals = (("Organization", resources.organization), ("Location", resources.location))
    departments = (
        ("HealthcareService", resources.healthcare_service),
        ("Schedule", resources.schedule),
    )
    return [
        *[Route("GET", f"/{kind}/{{id}}", _read_hospital(made)) for kind, made in hospitals],
        *[Route("GET", f"/{kind}/{{id}}", _read_department(made)) for kind, made in departments],
        *[
            r
            for kind, made in hospitals
            for r in search_routes(kind, _search_hospitals(kind, made))
        ],
        *search_routes("HealthcareService", _search_departments("HealthcareService", _services)),
        *search_routes("Schedule", _search_departments("Schedule", _schedules)),
    ]


def _read_hospital(made: Callable[[HospitalView], Resource]) -> Handler:
    async def read(services: Services, request: ApiRequest) -> ASGIApp:
        found = await hospital(services.platform, read_id(request, "id", "not_found"))
        if found is None:
            raise ProblemError("not_found")
        return resource_answer(made(found))

    return read


def _search_hospitals(kind: str, made: Callable[[HospitalView], Resource]) -> Handler:
    known = ("name", "address", *(("organization",) if kind == "Location" else ()))

    async def search(services: Services, request: ApiRequest) -> ASGIApp:
        asked = read_search(services, request, *known)
        _count_typed(services, request, asked)
        ids = all_of(asked.ids("_id"), asked.ids("organization", "Organization"))
        name, district = asked.text("name"), asked.text("address")
        listed, _ = await search_hospitals(
            services.platform, name, district, None, None, _EVERY_HOSPITAL
        )
        found = [view for view in listed if ids is None or view.id in ids]
        shown = page_of(found, asked, lambda view: (view.id,))
        page = [made(view) for view in shown.items]
        return searchset(services, kind, asked, page, total=len(found), following=shown.following)

    return search


def _read_department(made: Callable[[BookableDepartment], Resource]) -> Handler:
    async def read(services: Services, request: ApiRequest) -> ASGIApp:
        found = await departments_by_id(services.platform, [read_id(request, "id", "not_found")])
        if not found:
            raise ProblemError("not_found")
        return resource_answer(made(found[0]))

    return read


Asking = Callable[[Services, ApiRequest], tuple[Search, DepartmentsAsked]]


def _search_departments(kind: str, asking: Asking) -> Handler:
    made = {
        "HealthcareService": resources.healthcare_service,
        "Schedule": resources.schedule,
    }[kind]

    async def search(services: Services, request: ApiRequest) -> ASGIApp:
        asked, wanted = asking(services, request)
        _count_typed(services, request, asked)
        [after] = asked.after(parts=1) or (0,)
        found, total = await page_of_departments(services.platform, wanted, after, asked.count + 1)
        shown = first_page(found, asked.count, lambda department: (department.id,))
        included = await _included(services, kind, asked, shown.items)
        page = [made(department) for department in shown.items]
        return searchset(
            *(services, kind, asked, page),
            total=total,
            following=shown.following,
            included=included,
        )

    return search


def _count_typed(services: Services, request: ApiRequest, asked: Search) -> None:
    """Count a search by a part of a name against the caller's limit; raise ProblemError if over."""
    if not asked.given.keys() & {"name", "service-type"}:
        return
    caller, now = services.callers.of(request.scope), services.platform.db.seconds()
    wait_seconds = services.desk.velocity.search(caller, now)
    if wait_seconds is not None:
        raise ProblemError("too_many_requests", retry_after_seconds=wait_seconds)


def _services(services: Services, request: ApiRequest) -> tuple[Search, DepartmentsAsked]:
    asked = read_search(services, request, "name", "service-type", "organization", "location")
    hospital_ids = all_of(
        asked.ids("organization", "Organization"), asked.ids("location", "Location")
    )
    names = [name for key in ("name", "service-type") if (name := asked.text(key))]
    return asked, DepartmentsAsked(asked.ids("_id"), hospital_ids, names)


def _schedules(services: Services, request: ApiRequest) -> tuple[Search, DepartmentsAsked]:
    """Read `actor`, which names services or locations, but not both."""
    asked = read_search(services, request, "actor", "service-type")
    ids, hospital_ids = asked.ids("_id"), None
    if actor := asked.text("actor"):
        if "HealthcareService/" in actor:
            ids = all_of(ids, asked.ids("actor", "HealthcareService"))
        else:
            hospital_ids = asked.ids("actor", "Location")
    name = asked.text("service-type")
    return asked, DepartmentsAsked(ids, hospital_ids, [name] if name else [])


async def _included(
    services: Services, kind: str, asked: Search, found: Sequence[BookableDepartment]
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
            hospitals = await hospitals_by_ids(services.platform, hospital_ids)
            included += [wishes[wish](view) for view in hospitals]
    return included
