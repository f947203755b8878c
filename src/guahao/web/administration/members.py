"""The administrator's page of the staff: add, reset, shut out, log out everywhere."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows import staff as flows
from guahao.flows.open_supply import all_hospitals
from guahao.flows.staff import NewStaff, StaffRefusal
from guahao.rules.staff import Role
from guahao.web.reading import as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.login import say_refusal

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_MEMBERS = "/staff/members"


def member_routes() -> list[StaffRoute]:
    """The list, adding, and what is done to one."""
    return [
        StaffRoute("GET", _MEMBERS, _show, _ADMINISTRATOR),
        StaffRoute("POST", _MEMBERS, _add, _ADMINISTRATOR),
        StaffRoute("POST", f"{_MEMBERS}/{{staff_id}}", _change, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(
    page: StaffPage, refused: str = "", new: NewStaff | None = None, status: int = 200
) -> ASGIApp:
    return page.show(
        "staff/members.html",
        status,
        members=await flows.list_staff(page.door.platform),
        hospitals=await all_hospitals(page.door.platform),
        roles=role_words(page),
        refused=refused,
        new=new,
    )


async def _add(page: StaffPage) -> ASGIApp:
    try:
        role = Role(page.form.get("role", ""))
    except ValueError:
        role = Role.AGENT
    outcome = await flows.add_staff(
        page.door.platform,
        page.staff.who,
        page.form.get("login", "").strip()[:80],
        page.form.get("name", "")[:200],
        role,
        as_id(page.form.get("hospital_id", "")),
    )
    if isinstance(outcome, StaffRefusal):
        return await _listed(page, say_refusal(page, outcome), status=409)
    return await _listed(page, new=outcome)


async def _change(page: StaffPage) -> ASGIApp:
    """What one button of a row asks for."""
    id = read_id(page.request, "staff_id", "not_found")
    platform, by = page.door.platform, page.staff.who
    outcome: object
    match page.form.get("do"):
        case "password":
            outcome = await flows.reset_password(platform, by, id)
            if isinstance(outcome, NewStaff):
                return await _listed(page, new=outcome)
        case "second_factor":
            outcome = await flows.reset_second_factor(platform, by, id)
        case "disable":
            outcome = await flows.disable_staff(platform, by, id)
        case "enable":
            outcome = await flows.enable_staff(platform, by, id)
        case "log_out":
            outcome = None
            await flows.end_sessions_of(platform, by, id)
        case _:
            outcome = StaffRefusal.UNKNOWN
    if isinstance(outcome, StaffRefusal):
        return await _listed(page, say_refusal(page, outcome), status=409)
    page.flash(page.say("已保存。"))
    return page.redirect(_MEMBERS)


def role_words(page: StaffPage) -> dict[str, str]:
    """The roles' names."""
    return {
        Role.AGENT: page.say("114客服"),
        Role.SUPERVISOR: page.say("客服班长"),
        Role.CLERK: page.say("医院窗口"),
        Role.SCHEDULER: page.say("医院排班"),
        Role.ADMINISTRATOR: page.say("平台管理员"),
        Role.AUDITOR: page.say("审计"),
    }
