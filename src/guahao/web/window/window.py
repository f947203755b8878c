"""Handing out numbers: one screen, one Enter, and back to the next in the queue (S11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.attendance import window as flows
from guahao.flows.attendance.window import NotHandedOut, TooManyGuesses
from guahao.flows.hall.queues import own_places
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.kernel.outcomes import Done, PickupRefusal, Refused
from guahao.rules.kernel.text import compact
from guahao.rules.people.identity import masked_name
from guahao.rules.staff.staff import Role
from guahao.security_log import SecurityEvent, note
from guahao.store.hall.queues import OwnPlace
from guahao.store.kernel.views import AppointmentView
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Sending, StaffPage, StaffRoute

CLERK = frozenset({Role.CLERK})
_WINDOW = "/staff/window"
_FIELD_MAX = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the clerk is told, large: a headline, and what to say or do."""

    good: bool
    title: str
    advice: str
    view: AppointmentView | None = None
    name: str = ""
    typed: str = ""
    place: OwnPlace | None = None


def window_routes() -> list[StaffRoute]:
    """The window, and taking back a mistake."""
    return [
        StaffRoute("GET", _WINDOW, _show, CLERK),
        StaffRoute("POST", _WINDOW, _hand_out, CLERK, sending=Sending.ONCE_EACH),
        StaffRoute("GET", "/staff/window/correct/{appointment_id}", _ask_to_correct, CLERK),
        StaffRoute("POST", "/staff/window/correct/{appointment_id}", _correct, CLERK),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return page.show("staff/window.html", verdict=None)


async def _hand_out(page: StaffPage) -> ASGIApp:
    code = page.form.get("code", "")[:_FIELD_MAX]
    id_no = page.form.get("id_no", "")[:_FIELD_MAX]
    answer = await flows.hand_out(page.services.platform, page.staff, code, id_no)
    verdict = _verdict(page, answer)
    if isinstance(answer, AppointmentView):
        places = await own_places(page.services.platform, [answer.id])
        verdict = replace(verdict, place=places.get(answer.id))
    if isinstance(answer, TooManyGuesses) or (
        isinstance(answer, NotHandedOut) and answer.reason is PickupRefusal.WRONG_PERSON
    ):
        note(page.request.scope, SecurityEvent.PICK_UP_REFUSED)
    if not verdict.good:
        # So that a slip of a digit is seen; the document by its ends only.
        typed = f"{code} · {page.masked_document(compact(id_no))}"
        verdict = replace(verdict, typed=typed)
    return page.show("staff/window.html", verdict=verdict)


def _verdict(page: StaffPage, answer: AppointmentView | NotHandedOut | TooManyGuesses) -> Verdict:
    if isinstance(answer, AppointmentView):
        return Verdict(
            True,
            page.say("已取号"),
            page.say("请告诉患者：到{department}候诊。", department=_department(page, answer)),
            answer,
            masked_name(answer.patient.name),
        )
    if isinstance(answer, TooManyGuesses):
        return Verdict(
            False,
            page.say("错误次数过多"),
            page.say(
                "为防止猜码，请在{when}之后再试这个识别码；其他患者可以继续取号。",
                when=page.time(answer.retry_from),
            ),
        )
    return _refused(page, answer)


def _department(page: StaffPage, view: AppointmentView) -> str:
    return page.names.name(view.session.department_name, view.session.department_name_en)


def _refused(page: StaffPage, refused: NotHandedOut) -> Verdict:
    """Each reason in its own words, and what the patient can do."""
    at = "" if refused.at is None else page.time(refused.at)
    day = "" if refused.visit_date is None else page.day(refused.visit_date)
    said = {
        PickupRefusal.WRONG_PERSON: (
            page.say("证件与识别码不符"),
            page.say(
                "请核对识别码的8位数字和登记时用的证件原件。短信丢失时，患者可在“我的挂号”中查看，"
                "或拨打{hotline}重发。",
                hotline=page.hotline,
            ),
        ),
        PickupRefusal.WRONG_HOSPITAL: (
            page.say("不是本院的预约"),
            page.say("这个预约在另一家医院或另一个院区。请患者按短信中的医院前往取号。"),
        ),
        PickupRefusal.ALREADY_PICKED_UP: (
            page.say("已经取过号"),
            page.say("这个预约已在{at}取号，不能再取。如系误操作，请在今日名单中更正。", at=at),
        ),
        PickupRefusal.NOT_BOOKED: (
            page.say("预约已取消或停诊"),
            page.say("这个预约已在{at}取消或因停诊作废。患者可在窗口现场挂号，或另行预约。", at=at),
        ),
        PickupRefusal.WRONG_DAY: (
            page.say("不是今天的预约"),
            page.say("就诊日期是{day}，只能在当天取号。", day=day),
        ),
        PickupRefusal.TOO_LATE: (
            page.say("已过取号时间"),
            page.say("取号截止于{at}，预约已失效。患者可在窗口现场挂号。", at=at),
        ),
    }[refused.reason]
    return Verdict(False, *said)


async def _ask_to_correct(page: StaffPage) -> ASGIApp:
    return await _correction(page)


async def _correction(
    page: StaffPage, refused: str = "", reason: str = "", status: int = 200
) -> ASGIApp:
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    entry = await flows.one_entry(page.services.platform, page.staff, id)
    if entry is None:
        raise ProblemError("unknown_appointment")
    return page.show(
        "staff/window_correct.html", status, entry=entry, refused=refused, reason=reason
    )


async def _correct(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    reason = page.form.get("reason", "")[:200]
    outcome = await flows.correct(page.services.platform, page.staff, id, reason)
    match outcome:
        case Refused(WindowRefusal.UNKNOWN):
            raise ProblemError("unknown_appointment")
        case Refused(why):
            return await _correction(page, refusal_text(page, why), reason, 409)
        case Done():
            page.flash(page.say("已更正，预约恢复为未取号。"))
            return page.redirect("/staff/window/today")
        case never:
            assert_never(never)


def refusal_text(page: StaffPage, refusal: WindowRefusal) -> str:
    """Why it was not done, and what helps."""
    return {
        WindowRefusal.UNKNOWN: page.say("本院没有这条记录。"),
        WindowRefusal.NOT_PICKED_UP: page.say("这个预约现在不是“已取号”，没有可更正的。"),
        WindowRefusal.NOT_TODAY: page.say("只能更正当天的取号，之前的不能再改。"),
        WindowRefusal.REASON_NEEDED: page.say("请写明原因。"),
        WindowRefusal.TOO_EARLY: page.say("还没到取号截止时间，不能结束取号。"),
        WindowRefusal.STOPPED: page.say("这个门诊已停诊，没有要结束的取号。"),
        WindowRefusal.TOO_OLD: page.say("只能补录今天和之前3天的取号。"),
    }[refusal]
