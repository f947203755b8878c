"""The administrator's page of the staff: add, reset, disable, log out everywhere."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.staff import staff as flows
from guahao.flows.staff.staff import NewStaff
from guahao.flows.supply.open_supply import all_hospitals
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.staff.members import StaffRefusal
from guahao.rules.staff.staff import Role
from guahao.store.staff.staff import StaffListing
from guahao.web.http.answers import Answer
from guahao.web.http.reading import as_id, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_MEMBERS = "/staff/members"


def member_routes() -> list[StaffRoute]:
    """Return the list, the form for a new member, and the actions on a member."""
    return [
        StaffRoute("GET", _MEMBERS, _show, _ADMINISTRATOR),
        StaffRoute("POST", _MEMBERS, _add, _ADMINISTRATOR),
        StaffRoute("POST", f"{_MEMBERS}/{{staff_id}}", _change, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(
    page: StaffPage, refused: str = "", status: int = 200, new: NewStaff | None = None
) -> ASGIApp:
    return page.show(
        "staff/members.html",
        status,
        members=await flows.list_staff(page.services.platform),
        hospitals=await all_hospitals(page.services.platform),
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
        page.services.platform,
        page.staff.who,
        typed(page.form.get("login", ""))[:80],
        page.form.get("name", "")[:200],
        role,
        as_id(page.form.get("hospital_id", "")),
    )
    match outcome:
        case NewStaff() as new:
            return await _listed(page, new=new)
        case Refused():
            return await _listed(page, *page.refusal(outcome))
        case never:
            assert_never(never)


async def _change(page: StaffPage) -> ASGIApp:
    """Carry out what a button of a row requests, once the reason is known."""
    id = read_id(page.request, "staff_id", "not_found")
    platform, by, what = page.services.platform, page.staff.who, page.form.get("do", "")
    member = next((row for row in await flows.list_staff(platform) if row.id == id), None)
    act = None if member is None else _act(page, member, what)
    reason = "" if act is None else confirmed(page, act)
    if isinstance(reason, Answer):
        return reason
    outcome: NewStaff | Done | Refused[StaffRefusal]
    match what:
        case "password":
            outcome = await flows.reset_password(platform, by, id, reason)
        case "second_factor":
            outcome = await flows.reset_second_factor(platform, by, id, reason)
        case "disable":
            outcome = await flows.disable_staff(platform, by, id, reason)
        case "enable":
            outcome = await flows.enable_staff(platform, by, id)
        case "log_out" if member is not None:
            await flows.end_logins_of(platform, by, id, reason)
            outcome = DONE
        case _:
            outcome = Refused(StaffRefusal.UNKNOWN)
    match outcome:
        case NewStaff():
            return await _listed(page, new=outcome)
        case Done():
            page.flash(page.say("已保存。"))
            return page.redirect(_MEMBERS)
        case Refused():
            return await _listed(page, *page.refusal(outcome))
        case never:
            assert_never(never)


def _act(page: StaffPage, member: StaffListing, what: str) -> Act | None:
    """Return what is asked before a change; None if the change takes nothing away."""
    who = f"{member.name}（{member.login}）" if page.language == "zh" else member.login
    logged_out = page.say("现有的登录立即全部退出，正在填写的内容不会保存。")
    match what:
        case "password":
            question, button = page.say("重置{who}的密码？", who=who), page.say("重置密码")
            sentences = [
                page.say("原密码立即失效，换成一个只显示一次的临时密码。"),
                page.say(
                    "临时密码{hours}小时内有效，首次登录须更改。",
                    hours=page.services.platform.settings.staff_password_hours,
                ),
                logged_out,
            ]
        case "second_factor":
            question, button = page.say("重置{who}的验证器？", who=who), page.say("重置验证器")
            sentences = [
                page.say("原来的验证器立即失效；下次登录须重新绑定。"),
                page.say("请先当面或打电话确认是本人要求：绑定前，知道密码的人就能登录。"),
                logged_out,
            ]
        case "disable":
            question, button = page.say("停用{who}？", who=who), page.say("停用")
            sentences = [page.say("立即不能再登录，直到管理员恢复。"), logged_out]
        case "log_out":
            question, button = page.say("让{who}退出全部登录？", who=who), page.say("强制退出")
            sentences = [logged_out, page.say("可以马上再登录。如怀疑密码泄露，请改用重置密码。")]
        case _:
            return None
    return Act(question, sentences, button, _MEMBERS, "staff")


def role_words(page: StaffPage) -> dict[str, str]:
    """Return the roles' names."""
    return {
        Role.AGENT: page.say("114客服"),
        Role.SUPERVISOR: page.say("客服班长"),
        Role.CLERK: page.say("医院窗口"),
        Role.SCHEDULER: page.say("医院排班"),
        Role.ADMINISTRATOR: page.say("平台管理员"),
        Role.AUDITOR: page.say("审计"),
    }
