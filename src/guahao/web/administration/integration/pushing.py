"""Webhooks for administrators: the endpoints of hospitals, and how deliveries go."""

from __future__ import annotations

from functools import partial
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.integration import webhooks as flows
from guahao.flows.integration.webhooks import WebhookSet
from guahao.flows.supply.open_supply import all_hospitals
from guahao.rules.integration.pushing import KINDS, WebhookRefusal
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.staff.staff import Role
from guahao.store.integration.hospital_events import EVENTS_KEPT_DAYS
from guahao.web.http.answers import Answer
from guahao.web.http.reading import as_id, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.hospital.pushing import error_text, kind_words, send_again, show_dead_letters

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_PUSHES = "/staff/pushes"
_ONE = f"{_PUSHES}/{{hospital_id}}"


def push_routes() -> list[StaffRoute]:
    """Return all hospitals' webhooks, and the dead letters of each."""
    return [
        StaffRoute("GET", _PUSHES, _show, _ADMINISTRATOR),
        StaffRoute("POST", _PUSHES, _set, _ADMINISTRATOR),
        StaffRoute("POST", _ONE, _change, _ADMINISTRATOR),
        StaffRoute("GET", _ONE, _show_one, _ADMINISTRATOR),
        StaffRoute("POST", f"{_ONE}/again", _again, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(
    page: StaffPage, refused: str = "", secret: str | None = None, status: int = 200
) -> ASGIApp:
    platform = page.services.platform
    return page.show(
        "staff/pushes.html",
        status,
        webhooks=await flows.states(platform),
        hospitals=await all_hospitals(platform),
        kinds=kind_words(page),
        error_text=partial(error_text, page),
        given=page.form or {f"kind_{kind}": "on" for kind in KINDS},
        refused=refused,
        secret=secret,
    )


async def _set(page: StaffPage) -> ASGIApp:
    kinds = [kind for kind in KINDS if page.form.get(f"kind_{kind}")]
    hospital_id = as_id(page.form.get("hospital_id", "")) or 0
    outcome = await flows.set_webhook(
        *(page.services.platform, page.staff.who, hospital_id, page.form.get("url", ""), kinds)
    )
    if isinstance(outcome, WebhookSet) and outcome.secret is None:
        page.flash(page.say("已保存，密钥不变。"))
        return page.redirect(_PUSHES)
    return await _after(page, outcome)


async def _change(page: StaffPage) -> ASGIApp:
    """Carry out what a button of a row requests."""
    hospital_id = read_id(page.request, "hospital_id", "not_found")
    platform, by = page.services.platform, page.staff.who
    act = await _act(page, hospital_id)
    reason = "" if act is None else confirmed(page, act)
    if isinstance(reason, Answer):
        return reason
    outcome: Done | Refused[WebhookRefusal]
    match page.form.get("do"):
        case "rotate":
            return await _after(page, await flows.rotate_secret(platform, by, hospital_id, reason))
        case "on" | "off" as wanted:
            on = wanted == "on"
            outcome = await flows.switch(platform, by, hospital_id, on=on, reason=reason)
        case _:
            outcome = Refused(WebhookRefusal.UNKNOWN)
    if isinstance(outcome, Refused):
        return await _after(page, outcome)
    page.flash(page.say("已保存。"))
    return page.redirect(_PUSHES)


async def _act(page: StaffPage, hospital_id: int) -> Act | None:
    """Return what is asked before a change is made."""
    found = await flows.states(page.services.platform, hospital_id)
    if not found:
        return None
    hospital = page.names.name(found[0].name, found[0].name_en)
    match page.form.get("do"):
        case "off":
            sentences = [
                page.say("停用期间，医院收不到任何预约变动；启用后从停下的地方补送。"),
                page.say("变动保留{days}天，停用更久会有遗漏。", days=EVENTS_KEPT_DAYS),
            ]
            question = page.say("停用{hospital}的推送？", hospital=hospital)
            return Act(question, sentences, page.say("停用"), _PUSHES, "pushes")
        case "rotate":
            sentences = [
                page.say("新密钥只显示一次，请备好安全的方式交给医院。"),
                page.say("24小时内原密钥仍同时签名，之后医院只能用新密钥核对。"),
            ]
            question = page.say("更换{hospital}的推送密钥？", hospital=hospital)
            return Act(question, sentences, page.say("更换密钥"), _PUSHES, "pushes")
        case _:
            return None


async def _after(page: StaffPage, outcome: WebhookSet | Refused[WebhookRefusal]) -> ASGIApp:
    """Show why nothing was changed, or the new secret, once."""
    match outcome:
        case Refused():
            said, status = page.refusal(outcome)
            return await _listed(page, said, status=status)
        case WebhookSet():
            page.form.clear()
            return await _listed(page, secret=outcome.secret)
        case never:
            assert_never(never)


async def _show_one(page: StaffPage) -> ASGIApp:
    hospital_id = read_id(page.request, "hospital_id", "not_found")
    return await show_dead_letters(page, hospital_id, "pushes")


async def _again(page: StaffPage) -> ASGIApp:
    return await send_again(page, read_id(page.request, "hospital_id", "not_found"))
