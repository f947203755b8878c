"""Any hospital's cycle and supply for agents (S5), with links to book for a caller."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.hospitals import search as search_flows
from guahao.flows.hospitals.directory import departments, hospital
from guahao.flows.supply.listings import departments_by_id
from guahao.flows.supply.schedules import list_sessions
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.rules.supply.releasing import furthest
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute

_SUPPLY = "/staff/supply"
_TYPED_MAX = 80


def supply_routes() -> list[StaffRoute]:
    """Return the search, a hospital's rules and a department's sessions."""
    return [
        StaffRoute("GET", _SUPPLY, _search, CALL_CENTRE_ROLES),
        StaffRoute("GET", f"{_SUPPLY}/hospitals/{{hospital_id}}", _hospital, CALL_CENTRE_ROLES),
        StaffRoute(
            "GET", f"{_SUPPLY}/departments/{{department_id}}", _department, CALL_CENTRE_ROLES
        ),
    ]


def call_of(page: StaffPage) -> str:
    """Return the id of the call that a booking is for, from the address; empty without a call."""
    text = page.query("call")
    return text if text.isascii() and text.isdigit() else ""


async def _search(page: StaffPage) -> ASGIApp:
    typed = page.query("q")[:_TYPED_MAX]
    found = await search_flows.find(page.services.platform, typed, None, None)
    return page.show("staff/supply.html", typed=typed, found=found, call=call_of(page))


async def _hospital(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "hospital_id", "unknown_hospital")
    found = await hospital(page.services.platform, id)
    if found is None:
        raise ProblemError("unknown_hospital")
    policy = page.services.platform.policy_today
    return page.show(
        "staff/supply_hospital.html",
        hospital=found,
        departments=[
            department
            for department in await departments(page.services.platform, id) or []
            if department.parent_id
        ],
        furthest=furthest(page.today, found.rules, policy),
        months=policy.horizon_months,
        call=call_of(page),
    )


async def _department(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "department_id", "not_found")
    found = await departments_by_id(page.services.platform, [id])
    if not found:
        raise ProblemError("not_found")
    listed = await list_sessions(
        page.services.platform, found[0].hospital_id, id, None, None, None, None
    )
    title = page.query("title")
    shown = [
        (view, state)
        for view, state in listed
        if view.visit_date > page.today and (not title or view.title == title)
    ]
    return page.show(
        "staff/supply_department.html",
        department=found[0],
        sessions=shown,
        titles=sorted({view.title for view, _ in listed}),
        title=title,
        call=call_of(page),
    )
