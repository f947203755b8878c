"""Any hospital's cycle and supply for agents (S5), with links to book for a caller."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.hospitals import search as search_flows
from guahao.flows.hospitals.directory import departments, hospital
from guahao.flows.hospitals.search import Results, SearchRequest
from guahao.flows.supply.listings import departments_by_id
from guahao.flows.supply.schedules import list_sessions
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.rules.supply.releasing import furthest
from guahao.web.call_centre.panel import CallerPanel, find_panel, leave
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute

_SUPPLY = "/staff/supply"
_TYPED_MAX = 80
_FOUND_MAX = 9  # each has a digit


def supply_routes() -> list[StaffRoute]:
    """Return the search, a hospital's rules and a department's sessions."""
    return [
        StaffRoute("GET", _SUPPLY, _search, CALL_CENTRE_ROLES),
        StaffRoute("GET", f"{_SUPPLY}/hospitals/{{hospital_id}}", _hospital, CALL_CENTRE_ROLES),
        StaffRoute(
            "GET", f"{_SUPPLY}/departments/{{department_id}}", _department, CALL_CENTRE_ROLES
        ),
    ]


async def _caller(page: StaffPage) -> CallerPanel | Answer | None:
    """Return the caller of the call in the address; None without a call."""
    call_id = as_id(page.query("call"))
    if call_id is None:
        return None
    caller = await find_panel(page, call_id)
    if caller is not None:
        return caller
    return leave(page, call_id, CallRefusal.CALL_OVER)


async def _search(page: StaffPage) -> ASGIApp:
    """Find places by need; alone where a script asks for them while the agent types."""
    caller = await _caller(page)
    if isinstance(caller, Answer):
        return caller
    typed = page.query("q")[:_TYPED_MAX]
    found = None
    if typed.strip() or caller is None:
        found = await search_flows.search(
            page.services.platform, SearchRequest(typed), limit=_FOUND_MAX
        )
    return page.show(
        "staff/supply_places.html" if page.is_partial else "staff/supply.html",
        typed=typed,
        found=found,
        found_words="" if found is None else _found_text(page, found),
        caller=caller,
    )


def _found_text(page: StaffPage, found: Results) -> str:
    """Return what a screen reader says while the agent types."""
    if not found.places and not found.hospitals:
        return page.say("没有找到。")
    soonest = min((place.soonest for place in found.places if place.soonest), default=None)
    counts = page.say(
        "找到{places}个科室、{hospitals}家医院。",
        places=len(found.places),
        hospitals=len(found.hospitals),
    )
    return counts if soonest is None else counts + page.say("最早{day}。", day=page.day(soonest))


async def _hospital(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "hospital_id", "unknown_hospital")
    found = await hospital(page.services.platform, id)
    if found is None:
        raise ProblemError("unknown_hospital")
    caller = await _caller(page)
    if isinstance(caller, Answer):
        return caller
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
        caller=caller,
    )


async def _department(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "department_id", "not_found")
    found = await departments_by_id(page.services.platform, [id])
    if not found:
        raise ProblemError("not_found")
    caller = await _caller(page)
    if isinstance(caller, Answer):
        return caller
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
        caller=caller,
        may_book=caller is not None and caller.is_verified,
    )
