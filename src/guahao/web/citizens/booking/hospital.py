"""A hospital's page: location, booking rules and departments (S1, S5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from litestar.types import ASGIApp

from guahao.flows.hospitals.directory import departments, hospital, whereabouts
from guahao.flows.hospitals.search import soonest_places
from guahao.rules.supply.releasing import furthest, open_dates
from guahao.store.kernel.views import DepartmentView
from guahao.web.citizens.page import Page, Route
from guahao.web.http.reading import ProblemError, read_id

_SOONEST = 3  # departments with the soonest places


def hospital_pages() -> list[Route]:
    """Return the route GET /hospitals/{hospital_id}."""
    return [Route("GET", "/hospitals/{hospital_id}", _hospital)]


@dataclass(slots=True)
class DepartmentGroup:
    """A first-level department and its bookable departments."""

    head: DepartmentView
    members: list[DepartmentView] = field(default_factory=list)


async def _hospital(page: Page) -> ASGIApp:
    platform = page.services.platform
    id = read_id(page.request, "hospital_id", "unknown_hospital")
    view = await hospital(platform, id)
    found = await departments(platform, id)
    if view is None or found is None:
        raise ProblemError("unknown_hospital")
    policy = platform.policy_today
    released = open_dates(page.now, view.rules, policy)
    groups = grouped(found)
    ids = [member.id for group in groups for member in group.members]
    soonest = await soonest_places(platform, ids, released, _SOONEST) if released and ids else []
    where = await whereabouts(platform, id)
    map_link = None
    if where is not None and where.latitude is not None and where.longitude is not None:
        map_link = platform.settings.map_link.format(
            latitude=where.latitude,
            longitude=where.longitude,
            name=quote(page.names.name(view.name, view.name_en)),
        )
    return page.render(
        "hospital.html",
        map_link=map_link,
        hospital=view,
        names=page.names,
        rules=view.rules,
        groups=groups,
        soonest=soonest,
        furthest=released[1] if released else furthest(page.today, view.rules, policy),
        months=policy.horizon_months,
    )


def grouped(found: list[DepartmentView]) -> list[DepartmentGroup]:
    """Group departments by first level; first-level departments without members are left out."""
    groups = {
        department.id: DepartmentGroup(department)
        for department in found
        if department.parent_id is None
    }
    for department in found:
        if department.parent_id in groups:
            groups[department.parent_id].members.append(department)
    return [group for group in groups.values() if group.members]
