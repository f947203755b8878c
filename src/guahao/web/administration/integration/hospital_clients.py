"""Hospitals' information systems: add, rotate, disable; scopes and certificates."""

from __future__ import annotations

from functools import partial
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.integration import clients as flows
from guahao.flows.integration.clients import NewSecret
from guahao.flows.supply.open_supply import all_hospitals
from guahao.rules.integration.clients import OVERLAP_HOURS_MAX, ClientRefusal, Scope
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.staff.staff import Role
from guahao.store.integration.clients import ClientListing
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.hospital.api_calls import why_words
from guahao.web.staff.reading import read_number

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/hospital-clients"
_ONE = "/staff/hospital-clients/{hospital_client_id}"
_CALLS_SHOWN = 20
_TEXT_MAX = 200


def client_routes() -> list[StaffRoute]:
    """Return the list, the form, a client and the actions on it."""
    return [
        StaffRoute("GET", _LIST, _show, _ADMINISTRATOR),
        StaffRoute("POST", _LIST, _add, _ADMINISTRATOR),
        StaffRoute("GET", _ONE, _show_one, _ADMINISTRATOR),
        StaffRoute("POST", _ONE, _change, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page, {})


async def _listed(
    page: StaffPage, given: dict[str, str], refused: str = "", status: int = 200
) -> ASGIApp:
    return page.show(
        "staff/hospital_clients.html",
        status,
        clients=await flows.list_clients(page.services.platform),
        hospitals=await all_hospitals(page.services.platform),
        scopes=scope_words(page),
        given=given,
        refused=refused,
    )


async def _add(page: StaffPage) -> ASGIApp:
    form = page.form
    outcome = await flows.add_client(
        page.services.platform,
        page.staff.who,
        max(read_number(form.get("hospital_id", "")), 0),
        form.get("name", "")[:_TEXT_MAX],
        _scopes(form),
        form.get("certificate", "")[:_TEXT_MAX],
    )
    match outcome:
        case Refused():
            return await _listed(page, form, *page.refusal(outcome))
        case NewSecret(id):
            return await _one(page, id, new=outcome)
        case never:
            assert_never(never)


def _scopes(form: dict[str, str]) -> frozenset[Scope]:
    return frozenset(scope for scope in Scope if f"scope_{scope.value}" in form)


async def _show_one(page: StaffPage) -> ASGIApp:
    return await _one(page, _id(page))


def _id(page: StaffPage) -> int:
    return read_id(page.request, "hospital_client_id", "not_found")


async def _one(
    page: StaffPage,
    id: int,
    new: NewSecret | None = None,
    refused: str = "",
    given: dict[str, str] | None = None,
    status: int = 200,
) -> ASGIApp:
    """Show a client; `given`: what was typed, if it was refused."""
    client = await flows.one_client(page.services.platform, id)
    if client is None:
        raise ProblemError("not_found")
    calls, _ = await flows.list_calls(
        page.services.platform, client.hospital_id, None, _CALLS_SHOWN
    )
    saved = {"certificate": client.thumbprint or "", **{f"scope_{s}": "on" for s in client.scopes}}
    return page.show(
        "staff/hospital_client.html",
        status,
        client=client,
        given=saved if given is None else given,
        new=new,
        calls=calls,
        why=partial(why_words, page),
        refused=refused,
        scopes=scope_words(page),
        overlap_hours=flows.OVERLAP_HOURS,
    )


async def _change(page: StaffPage) -> ASGIApp:
    """Carry out what a button requests."""
    platform, by, form, id = page.services.platform, page.staff.who, page.form, _id(page)
    client = await flows.one_client(platform, id)
    act = None if client is None else _act(page, client)
    reason = "" if act is None else confirmed(page, act)
    if isinstance(reason, Answer):
        return reason
    outcome: NewSecret | Done | Refused[ClientRefusal]
    match form.get("do"):
        case "rotate":
            hours = read_number(form.get("overlap_hours", ""))
            outcome = await flows.rotate(platform, by, id, hours, reason)
        case "change":
            certificate = form.get("certificate", "")[:_TEXT_MAX]
            outcome = await flows.change(platform, by, id, _scopes(form), certificate)
        case "disable" | "enable" as what:
            outcome = await flows.set_disabled(
                platform, by, id, disabled=what == "disable", reason=reason
            )
        case _:
            outcome = Refused(ClientRefusal.UNKNOWN)
    match outcome:
        case NewSecret():
            return await _one(page, id, new=outcome)
        case Refused():
            said, status = page.refusal(outcome)
            given = form if form.get("do") == "change" else None
            return await _one(page, id, refused=said, given=given, status=status)
        case Done():
            page.flash(page.say("已保存。"))
            return page.redirect(f"{_LIST}/{id}")
        case never:
            assert_never(never)


def _act(page: StaffPage, client: ClientListing) -> Act | None:
    """Return what is asked before a change is made."""
    hospital = page.names.name(client.hospital_name, client.hospital_name_en)
    back, name = f"{_LIST}/{client.id}", client.name
    match page.form.get("do"):
        case "rotate":
            hours = read_number(page.form.get("overlap_hours", ""))
            if not 0 <= hours <= OVERLAP_HOURS_MAX:
                return None
            if hours > 0:
                until = page.say(
                    "旧密钥还能用{hours}小时，之后医院的系统必须用新密钥。", hours=hours
                )
            else:
                until = page.say("旧密钥和它换来的令牌立即失效；医院换上新密钥之前，接口全部中断。")
            sentences = [page.say("新密钥只显示一次，请备好安全的方式交给医院。"), until]
            question = page.say("更换{hospital}“{name}”的密钥？", hospital=hospital, name=name)
            return Act(question, sentences, page.say("更换密钥"), back, "hospitals")
        case "disable":
            question = page.say("停用{hospital}的“{name}”？", hospital=hospital, name=name)
            sentences = [
                page.say("从下一次调用起全部拒绝，已发出的令牌也不例外。"),
                page.say("医院不能再从系统里发布号源、查看预约和上报就诊，直到恢复。"),
            ]
            return Act(question, sentences, page.say("停用"), back, "hospitals")
        case _:
            return None


def scope_words(page: StaffPage) -> dict[str, str]:
    """Return what each scope permits a client."""
    return {
        Scope.SUPPLY: page.say("发布科室和号源、停诊"),
        Scope.BOOKINGS: page.say("查看预约和患者信息"),
        Scope.ATTENDANCE: page.say("取号、上报就诊"),
    }
