"""Export and erasure of a person's data: one member of staff files, another decides."""

from __future__ import annotations

from typing import assert_never, cast

import msgspec
from litestar.types import ASGIApp

from guahao.flows.people.privacy import requests as flows
from guahao.flows.people.privacy.records import OfPerson, check_erasure
from guahao.flows.people.privacy.requests import Decided, Kind
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.people.privacy_requests import (
    DOWNLOADS,
    OFFERED_FOR,
    OPEN_FOR,
    RequestRefusal,
    is_offered,
    is_open,
)
from guahao.rules.staff.staff import Role
from guahao.store.people.privacy_requests import PrivacyRequest
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Sending, StaffPage, StaffRoute
from guahao.web.words.name_words import name_fault_text

PRIVACY_PATH = "/staff/privacy"
_NEW = f"{PRIVACY_PATH}/new"
_REQUEST = f"{PRIVACY_PATH}/{{request_id}}"
_ROLES = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
_FIELD_MAX = 100
_REASON_MAX = 300
_UNPROCESSABLE = 422


def privacy_routes() -> list[StaffRoute]:
    """Return the list, filing, decision, withdrawal, and the download of an approved export."""
    return [
        StaffRoute("GET", PRIVACY_PATH, _listed, _ROLES),
        StaffRoute("GET", _NEW, _form, _ROLES),
        StaffRoute("POST", _NEW, _file, _ROLES),
        StaffRoute("GET", _REQUEST, _show, _ROLES),
        StaffRoute("POST", f"{_REQUEST}/decide", _decide, _ROLES),
        StaffRoute("POST", f"{_REQUEST}/withdraw", _withdraw, _ROLES),
        # Freely: the answer of a form that is sent once would be stored.
        StaffRoute("POST", f"{_REQUEST}/download", _download, _ROLES, sending=Sending.FREELY),
    ]


class _View:
    """What a page shows of a request: the person masked."""

    def __init__(self, page: StaffPage, request: PrivacyRequest) -> None:
        vault = page.services.platform.vault
        self.request = request
        self.is_erased = request.erased_at is not None
        name = request.name(vault)
        self.name = page.say("已删除") if self.is_erased else page.masked_name(name)
        self.document = "–" if self.is_erased else page.masked_document(request.id_no(vault))
        self.phone = page.masked_phone(request.phone(vault)) or "–"
        self.reason = request.reason(vault)
        self.decision_reason = request.decision_reason(vault)
        self.is_own = request.staff_id == page.staff.id
        self.is_open = is_open(request, page.now)
        self.is_offered = is_offered(request, page.staff.id, page.now)
        self.kind = (
            page.say("导出个人信息") if request.kind == "export" else page.say("删除个人信息")
        )
        self.state = {
            "waiting": page.say("待审批") if self.is_open else page.say("已过期"),
            "approved": page.say("已批准"),
            "declined": page.say("已驳回"),
            "withdrawn": page.say("已撤回"),
            "expired": page.say("已过期"),
        }[request.state]


async def _listed(page: StaffPage) -> ASGIApp:
    found = await flows.list_requests(page.services.platform)
    return page.show(
        "staff/privacy_requests.html",
        waiting=[_View(page, request) for request in found.waiting],
        decided=[_View(page, request) for request in found.decided],
        open_days=OPEN_FOR.days,
    )


async def _form(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    return page.show("staff/privacy_request_new.html", status, typed=page.form, refused=refused)


async def _file(page: StaffPage) -> ASGIApp:
    kind = page.form.get("kind", "")
    if kind not in ("export", "erasure"):
        raise ProblemError("bad_request")
    if page.form.get("seen") != "on":
        refused = page.say("请先核对证件原件，或按本单位规定核实本人，再勾选。")
        return await _form(page, refused, _UNPROCESSABLE)
    names = ("name", "id_type", "id_no")
    typed = {name: page.form.get(name, "")[:_FIELD_MAX] for name in names}
    outcome = await flows.file_request(
        page.services.platform,
        page.staff,
        cast("Kind", kind),
        **typed,
        reason=page.form.get("reason", "")[:_REASON_MAX],
    )
    match outcome:
        case int() as request_id:
            page.flash(page.say("申请已提交，请另一位班长或管理员审批。"))
            return page.redirect(f"{PRIVACY_PATH}/{request_id}")
        case NameFault() as fault:
            return await _form(page, name_fault_text(fault, page.language), _UNPROCESSABLE)
        case Refused():
            return await _form(page, *page.refusal(outcome))
        case never:
            assert_never(never)


async def _show(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    platform = page.services.platform
    request = await flows.request_of(platform, _request_id(page))
    if request is None:
        raise ProblemError("not_found")
    view, obstacle = _View(page, request), ""
    if request.kind == "erasure" and view.is_open:
        standing = await check_erasure(platform, OfPerson(request.patient_id))
        obstacle = "" if standing is None else page.refusal(Refused(standing)).text
    return page.show(
        "staff/privacy_request.html",
        status,
        view=view,
        obstacle=obstacle,
        takes_phone=request.account_id is not None and not request.others_on_account,
        hours=int(OFFERED_FOR.total_seconds()) // 3600,
        offered_until=None if request.decided_at is None else request.decided_at + OFFERED_FOR,
        downloads_left=DOWNLOADS - request.downloads,
        reason=page.form.get("reason", ""),
        refused=refused,
    )


async def _decide(page: StaffPage) -> ASGIApp:
    decision = page.form.get("decision", "")
    if decision not in ("approve", "decline"):
        raise ProblemError("bad_request")
    act = flows.approve if decision == "approve" else flows.decline
    reason = page.form.get("reason", "")[:_REASON_MAX]
    return await _after(
        page, await act(page.services.platform, page.staff, _request_id(page), reason)
    )


async def _withdraw(page: StaffPage) -> ASGIApp:
    reason = page.form.get("reason", "")[:_REASON_MAX]
    outcome = await flows.withdraw(page.services.platform, page.staff, _request_id(page), reason)
    return await _after(page, outcome)


async def _after(
    page: StaffPage, outcome: Decided | Refused[RequestRefusal | ErasureRefusal]
) -> ASGIApp:
    match outcome:
        case Decided(state):
            said = {
                "approved": page.say("已批准。"),
                "declined": page.say("已驳回，没有改动。"),
                "withdrawn": page.say("已撤回。"),
            }
            page.flash(said[state])
            return page.redirect(f"{PRIVACY_PATH}/{_request_id(page)}")
        case Refused():
            return await _not_done(page, outcome)
        case never:
            assert_never(never)


async def _not_done(page: StaffPage, refused: Refused[RequestRefusal | ErasureRefusal]) -> ASGIApp:
    if refused.reason is RequestRefusal.UNKNOWN_REQUEST:
        raise ProblemError("not_found")
    return await _show(page, *page.refusal(refused))


async def _download(page: StaffPage) -> ASGIApp:
    outcome = await flows.download(page.services.platform, page.staff, _request_id(page))
    match outcome:
        case dict() as data:
            text = msgspec.json.format(msgspec.json.encode(data), indent=2)
            return page.download(text, "personal-information.json", "application/json")
        case Refused():
            return await _not_done(page, outcome)
        case never:
            assert_never(never)


def _request_id(page: StaffPage) -> int:
    return read_id(page.request, "request_id", "not_found")
