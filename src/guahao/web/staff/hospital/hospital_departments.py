"""A hospital's departments: for its scheduler, and for administrators of any hospital (S4)."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.hospitals import departments as flows
from guahao.rules.hospitals.departments import (
    NAME_MAX,
    Department,
    DepartmentEntry,
    DepartmentReach,
    DepartmentRefusal,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import prose, typed
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff.at_hospital import HospitalContext, at_both, place_of
from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.page import StaffPage, StaffRoute
from guahao.web.staff.reading import read_number

_LIST = "/departments"
_NEW = "/departments/new"
_ONE = "/departments/{department_id}"


def department_routes() -> list[StaffRoute]:
    """Return the routes of the list, adding, and what is done to one."""
    return [
        *at_both("GET", _LIST, _listed),
        *at_both("GET", _NEW, _ask_new),
        *at_both("POST", _NEW, _add),
        *at_both("GET", _ONE, _show),
        *at_both("POST", _ONE, _change),
        *at_both("POST", f"{_ONE}/platform", _set_on_platform),
        *at_both("POST", f"{_ONE}/move", _move),
        *at_both("POST", f"{_ONE}/delete", _delete),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    found = await flows.listed(page.services.platform, place.staff)
    return page.show("staff/departments.html", place=place, departments=found)


# Adding -------------------------------------------------------------------------------------


async def _ask_new(page: StaffPage) -> ASGIApp:
    return await _new_form(page, await place_of(page), {"parent": page.query("parent")})


async def _new_form(
    page: StaffPage,
    place: HospitalContext,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    found = await flows.listed(page.services.platform, place.staff)
    return page.show(
        "staff/department_new.html",
        status,
        place=place,
        heads=[one for one in found if one.parent_id is None],
        given=given,
        refused=refused,
        name_max=NAME_MAX,
    )


async def _add(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    code = typed(page.form.get("code", ""))
    outcome = await flows.add(page.services.platform, place.staff, code, _read(page.form))
    if isinstance(outcome, Refused):
        return await _new_form(page, place, page.form, *page.refusal(outcome))
    page.flash(page.say("已添加。"))
    return page.redirect(f"{place.address}{_LIST}#department-{outcome}")


def _read(form: dict[str, str]) -> DepartmentEntry:
    """Read what was typed; without a department of the first level it is one itself."""
    parent = form.get("parent", "")
    return DepartmentEntry(
        read_number(parent) if parent else None,
        prose(form.get("name", "")),
        prose(form.get("name_en", "")),
    )


# One department -----------------------------------------------------------------------------


async def _show(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    department, reach = await _found(page, place)
    return await _form(page, place, department, reach, _as_form(department))


async def _found(page: StaffPage, place: HospitalContext) -> tuple[Department, DepartmentReach]:
    id = read_id(page.request, "department_id", "not_found")
    found = await flows.one(page.services.platform, place.staff, id)
    if found is None:
        raise ProblemError("not_found")
    return found


async def _form(
    page: StaffPage,
    place: HospitalContext,
    department: Department,
    reach: DepartmentReach,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    there = await flows.listed(page.services.platform, place.staff)
    return page.show(
        "staff/department.html",
        status,
        place=place,
        department=department,
        reach=reach,
        heads=[one for one in there if one.parent_id is None],
        given=given,
        saved=_as_form(department),
        version=flows.version(department),
        refused=refused,
        name_max=NAME_MAX,
    )


def _as_form(department: Department) -> dict[str, str]:
    parent = "" if department.parent_id is None else str(department.parent_id)
    return {"name": department.name, "name_en": department.name_en, "parent": parent}


async def _change(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = read_id(page.request, "department_id", "not_found")
    seen = page.form.get("version", "")
    outcome = await flows.change(page.services.platform, place.staff, id, seen, _read(page.form))
    return await _after(page, place, outcome, page.say("已保存。"))


async def _set_on_platform(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = read_id(page.request, "department_id", "not_found")
    on = page.form.get("do") == "show"
    department, reach = await _found(page, place)
    reason = ""
    if not on and department.on_platform:
        asked = confirmed(page, _hiding(page, place, department, reach))
        if isinstance(asked, Answer):
            return asked
        reason = asked
    outcome = await flows.set_on_platform(
        page.services.platform, place.staff, id, on_platform=on, reason=reason
    )
    if isinstance(outcome, Refused):
        return await _after(page, place, outcome, "")
    if on:
        said = page.say("患者现在能看到这个科室；按排班补放了{made}个门诊。", made=outcome)
    else:
        said = page.say("患者看不到这个科室了。已有的预约照常就诊。")
    return await _after(page, place, DONE, said)


async def _move(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = read_id(page.request, "department_id", "not_found")
    up = page.form.get("do") == "up"
    outcome = await flows.move(page.services.platform, place.staff, id, up=up)
    if isinstance(outcome, Refused):
        raise ProblemError("not_found")
    return page.redirect(f"{place.address}{_LIST}#department-{id}")


async def _delete(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = read_id(page.request, "department_id", "not_found")
    department, reach = await _found(page, place)
    reason = ""
    if not reach.members and not reach.ever_booked:
        asked = confirmed(page, _deleting(page, place, department, reach))
        if isinstance(asked, Answer):
            return asked
        reason = asked
    outcome = await flows.delete(page.services.platform, place.staff, id, reason)
    return await _after(page, place, outcome, page.say("已删除。"))


def _hiding(
    page: StaffPage, place: HospitalContext, department: Department, reach: DepartmentReach
) -> Act:
    name = page.names.name(department.name, department.name_en)
    return Act(
        page.say("{name}下平台？", name=name),
        [
            page.say("患者不再看到这个科室，也不能新约；每周排班不再放出门诊。"),
            page.say(
                "明天起的{sessions}个门诊中已有{bookings}个预约，照常就诊。要取消门诊请用停诊。",
                sessions=reach.sessions,
                bookings=reach.bookings,
            ),
        ],
        page.say("下平台"),
        f"{place.address}{_LIST}/{department.id}",
        "hospitals" if place.hospital else "departments",
    )


def _deleting(
    page: StaffPage, place: HospitalContext, department: Department, reach: DepartmentReach
) -> Act:
    name = page.names.name(department.name, department.name_en)
    return Act(
        page.say("删除{name}？", name=name),
        [
            page.say(
                "它的{timetables}条每周排班和{sessions}个门诊一并删除，不能恢复。",
                timetables=reach.timetables,
                sessions=reach.sessions,
            )
        ],
        page.say("删除科室"),
        f"{place.address}{_LIST}/{department.id}",
        "hospitals" if place.hospital else "departments",
    )


async def _after(
    page: StaffPage, place: HospitalContext, outcome: Done | Refused[DepartmentRefusal], said: str
) -> ASGIApp:
    if isinstance(outcome, Done):
        page.flash(said)
        return page.redirect(place.address + _LIST)
    department, reach = await _found(page, place)  # where there is none, that is the answer
    given = page.form if "name" in page.form else _as_form(department)
    return await _form(page, place, department, reach, given, *page.refusal(outcome))
