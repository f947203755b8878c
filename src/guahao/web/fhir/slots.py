"""Slot: clinic sessions. A search names the schedule; for all of the city there is bulk."""

from __future__ import annotations

from fhir.resources.R4B.resource import Resource
from litestar.types import ASGIApp

from guahao.flows.listings import departments_by_id
from guahao.flows.schedules import list_sessions, one_session
from guahao.store.listings import BookableDepartment
from guahao.store.views import SessionView
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import page_of, searchset
from guahao.web.fhir.door import Door, Route, resource_answer
from guahao.web.fhir.search import Search, in_range, read_search
from guahao.web.reading import ApiRequest, ProblemError, read_id

_SCHEDULES_MAX = 20
Listed = tuple[SessionView, str]


def slot_routes() -> list[Route]:
    """Read and search."""
    return [Route("GET", "/Slot/{id}", _read), Route("GET", "/Slot", _search)]


async def _read(door: Door, request: ApiRequest) -> ASGIApp:
    found = await one_session(door.platform, read_id(request, "id", "not_found"))
    if found is None:
        raise ProblemError("not_found")
    return resource_answer(resources.slot(*found))


async def _search(door: Door, request: ApiRequest) -> ASGIApp:
    asked = read_search(request, "schedule", "start", "status", "appointment-type")
    departments, listed = await _listed(door, asked)
    started = in_range(asked.given.get("start"), "start")
    wanted = asked.words("status")
    title = asked.text("appointment-type")
    slots = [
        resources.slot(view, state)
        for view, state in listed
        if (title is None or view.title == title) and started(resources.slot_times(view)[0])
    ]
    found = [slot for slot in slots if wanted is None or slot.status in wanted]
    page, after = page_of(found, asked)
    included: list[Resource] = []
    if "Slot:schedule" in asked.includes:
        shown = {slot.schedule.reference for slot in page}
        made = [resources.schedule(department) for department in departments]
        included = [one for one in made if f"Schedule/{one.id}" in shown]
    return searchset(
        door, "Slot", asked, page, next_cursor=after, total=len(found), included=included
    )


async def _listed(door: Door, asked: Search) -> tuple[list[BookableDepartment], list[Listed]]:
    """The sessions asked for by `_id` or by `schedule`, one of which is needed."""
    ids, schedules = asked.ids("_id"), asked.ids("schedule", "Schedule")
    if ids is not None:
        one_by_one = [await one_session(door.platform, id) for id in ids]
        listed = [one for one in one_by_one if one is not None]
        wanted = {view.department_id for view, _ in listed} & set(schedules or ())
        if schedules is not None:
            listed = [one for one in listed if one[0].department_id in wanted]
        owners = sorted({view.department_id for view, _ in listed})
        return await departments_by_id(door.platform, owners), listed
    if schedules is None or len(schedules) > _SCHEDULES_MAX:
        raise ProblemError("fhir_search_too_broad")
    departments = await departments_by_id(door.platform, schedules)
    listed = [
        one
        for department in departments
        for one in await list_sessions(
            door.platform, department.hospital_id, department.id, None, None, None, None
        )
    ]
    return departments, listed
