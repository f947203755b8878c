"""Slot: clinic sessions. A search names the schedule; `bulk` covers the whole city."""

from __future__ import annotations

from fhir.resources.R4B.resource import Resource
from fhir.resources.R4B.slot import Slot
from litestar.types import ASGIApp

from guahao.flows.supply.listings import departments_by_id
from guahao.flows.supply.schedules import one_session, sessions_by_ids, sessions_of_departments
from guahao.store.kernel.views import SessionView
from guahao.store.supply.listings import BookableDepartment
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import page_of, searchset
from guahao.web.fhir.dates import in_range
from guahao.web.fhir.search import Search, read_search
from guahao.web.fhir.services import Route, Services, resource_answer, search_routes
from guahao.web.http.reading import ApiRequest, ProblemError, read_id

_SCHEDULES_MAX = 20
_PARAMETERS = ("schedule", "start", "status", "appointment-type", "_sort")
Listed = tuple[SessionView, str]


def slot_routes() -> list[Route]:
    """Return read and search."""
    return [Route("GET", "/Slot/{id}", _read), *search_routes("Slot", _search)]


async def _read(services: Services, request: ApiRequest) -> ASGIApp:
    found = await one_session(services.platform, read_id(request, "id", "not_found"))
    if found is None:
        raise ProblemError("not_found")
    return resource_answer(resources.slot(*found, services.platform.titles))


async def _search(services: Services, request: ApiRequest) -> ASGIApp:
    asked = read_search(services, request, *_PARAMETERS)
    departments, listed = await _listed(services, asked)
    started, is_titled = (
        in_range(asked.given.get("start"), "start"),
        asked.tokens("appointment-type"),
    )
    wanted = asked.words("status")
    found = [
        (view, state)
        for view, state in listed
        if started(resources.slot_times(view)[0])
        and is_titled((resources.TITLE, view.title))
        and (wanted is None or resources.slot_status(state) in wanted)
    ]
    shown = page_of(found, asked, _place, parts=2, backwards=asked.backwards("start"))
    titles = services.platform.titles
    page = [resources.slot(*listing, titles) for listing in shown.items]
    included = _schedules(departments, page) if "Slot:schedule" in asked.includes else []
    return searchset(
        services,
        "Slot",
        asked,
        page,
        total=len(found),
        following=shown.following,
        included=included,
    )


def _place(listed: Listed) -> tuple[int, int]:
    """Return a session's sort key in a search: its start, then its id."""
    view, _ = listed
    return int(resources.slot_times(view)[0].timestamp()), view.id


def _schedules(departments: list[BookableDepartment], page: list[Slot]) -> list[Resource]:
    shown = {slot.schedule.reference for slot in page}
    made = [resources.schedule(department) for department in departments]
    return [schedule for schedule in made if f"Schedule/{schedule.id}" in shown]


async def _listed(
    services: Services, asked: Search
) -> tuple[list[BookableDepartment], list[Listed]]:
    """Return the sessions by `_id` or `schedule`; a search needs at least one of these."""
    ids, schedules = asked.ids("_id"), asked.ids("schedule", "Schedule")
    if ids is not None:
        listed = [
            (view, state)
            for view, state in await sessions_by_ids(services.platform, ids)
            if schedules is None or view.department_id in schedules
        ]
        owners = sorted({view.department_id for view, _ in listed})
        return await departments_by_id(services.platform, owners), listed
    if schedules is None or len(schedules) > _SCHEDULES_MAX:
        raise ProblemError("fhir_search_too_broad")
    departments = await departments_by_id(services.platform, schedules)
    listed = await sessions_of_departments(services.platform, [found.id for found in departments])
    return departments, listed
