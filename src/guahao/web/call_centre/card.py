"""The caller's card: patients, bookings, messages; verify, cancel and send again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.cancelling import NotCancelled
from guahao.flows.call_centre import calls as flows
from guahao.rules.call_centre.calls import WRONG_ANSWERS_MAX, CallRefusal, Question
from guahao.rules.kernel.outcomes import CancelRefusal, Done, Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.security_log import SecurityEvent, note
from guahao.store.kernel.views import AppointmentView
from guahao.web.call_centre.panel import leave, panel_of
from guahao.web.call_centre.results import result_text
from guahao.web.framework.application_words import application_state_text, wishes_text
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.words.words import message_kinds

_CALL = "/staff/calls/{call_id}"
_BOOKING = _CALL + "/bookings/{appointment_id}"
_ANSWER_MAX = 60
_FAILED = ("failed", "unknown")


def card_routes() -> list[StaffRoute]:
    """Return the card and every action on it."""
    routes = [
        ("GET", _CALL, _show),
        ("POST", f"{_CALL}/verify", _verify),
        ("POST", f"{_CALL}/sms-code", _send_code),
        ("POST", f"{_CALL}/look", _look),
        ("POST", f"{_CALL}/end", _end),
        ("GET", f"{_BOOKING}/cancel", _ask_to_cancel),
        ("POST", f"{_BOOKING}/cancel", _cancel),
        ("POST", f"{_BOOKING}/resend", _resend),
        ("POST", f"{_BOOKING}/replacement", _answer_offer),
    ]
    return [
        StaffRoute(method, path, handler, CALL_CENTRE_ROLES)  # type: ignore[arg-type]
        for method, path, handler in routes
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _card(page)


async def _card(
    page: StaffPage,
    refused: str = "",
    status: int = 200,
    said: Mapping[Question, str] | None = None,
) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    card = await flows.card(page.services.platform, page.staff, call_id)
    if card is None:
        return leave(page, call_id, CallRefusal.CALL_OVER)
    caller = panel_of(page, card)
    code_until = card.call.code_expires_at
    return page.show(
        "staff/call.html",
        status,
        caller=caller,
        wishes=partial(wishes_text, page),
        application_state=partial(application_state_text, page),
        application_names=lambda application: caller.shown.names(application.patients),
        refused=refused,
        said=said or {},
        code_waits=code_until is not None and code_until > page.now,
        wrong_most=WRONG_ANSWERS_MAX,
        kinds=message_kinds(page.say),
        states=_states(page),
        failed_messages=any(message.state in _FAILED for message in card.messages),
        questions=_questions(page),
        result_words=partial(result_text, page),
    )


async def _verify(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    said = {question: page.form.get(question.value, "")[:_ANSWER_MAX] for question in Question}
    match await flows.verify(page.services.platform, page.staff, call_id, said):
        case True:
            page.flash(page.say("已核实来电人。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case False:
            note(page.request.scope, SecurityEvent.CALLER_NOT_VERIFIED)
            refused = page.say("没有核实成功：各项都要答对，且属于同一位就诊人。请再问一次。")
            return await _card(page, refused, 409, said)
        case Refused(reason):
            if reason is CallRefusal.TOO_MANY_WRONG:
                note(page.request.scope, SecurityEvent.CALLER_NOT_VERIFIED)
            return await _refused(page, reason)
        case never:
            assert_never(never)


async def _send_code(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    match await flows.send_call_code(page.services.platform, page.staff, call_id):
        case datetime():
            page.flash(page.say("核实码已发往登记的手机，请来电人念出。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case Refused(reason):
            return await _refused(page, reason)
        case never:
            assert_never(never)


async def _look(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    why = page.form.get("reason", "")[:REASON_MAX]
    match await flows.look(page.services.platform, page.staff, call_id, why):
        case Done():
            return page.redirect(f"/staff/calls/{call_id}")
        case Refused(reason):
            return await _refused(page, reason)
        case never:
            assert_never(never)


async def _end(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    await flows.end_call(page.services.platform, page.staff, call_id)
    return page.redirect(f"/staff/calls/{call_id}/result")


async def _ask_to_cancel(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    card = await flows.card(page.services.platform, page.staff, call_id)
    view = None if card is None else next((view for view in card.current if view.id == id), None)
    if card is None or view is None:
        return await _refused(page, CallRefusal.UNKNOWN_APPOINTMENT)
    return page.show(
        "staff/call_cancel.html",
        caller=panel_of(page, card),
        view=view,
        deadline=view.cancel_until,
    )


async def _cancel(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    why = page.form.get("reason", "")[:REASON_MAX]
    match await flows.cancel_for_caller(page.services.platform, page.staff, call_id, id, why):
        case AppointmentView():
            page.flash(page.say("已退号，短信已发往登记的手机。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case NotCancelled(CancelRefusal.NOT_CANCELLABLE, booking=AppointmentView() as booking):
            # Not the patients' own sentence, which sends them to their pages.
            status = page.names.status(booking.status)
            refused = page.say("这个预约现在是“{status}”，不能退号。", status=status)
            return await _card(page, refused, 409)
        case NotCancelled() as outcome:
            problem = page.services.replies.not_cancelled(outcome, page.language)
            return await _card(page, problem.detail, 409)
        case Refused(reason):
            return await _refused(page, reason)
        case never:
            assert_never(never)


async def _resend(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    match await flows.resend(page.services.platform, page.staff, call_id, id):
        case datetime():
            page.flash(page.say("短信和识别码已重新发往登记的手机。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case Refused(reason):
            return await _refused(page, reason)
        case never:
            assert_never(never)


async def _answer_offer(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    answer = page.form.get("answer", "")
    if answer not in ("accept", "decline"):
        raise ProblemError("bad_request")
    match await flows.answer_offer(
        page.services.platform, page.staff, call_id, id, is_accepted=answer == "accept"
    ):
        case AppointmentView():
            page.flash(page.say("已接受留号，预约成功，短信和识别码已发往登记的手机。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case Done():
            page.flash(page.say("已谢绝留号，号已放回。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case Refused(reason, retry_from, visit_from):
            if isinstance(reason, CallRefusal):
                return await _refused(page, reason)
            said = page.problem(reason, retry_from=retry_from, visit_from=visit_from)
            return await _card(page, said.detail, 409)
        case never:
            assert_never(never)


async def _refused(page: StaffPage, reason: CallRefusal) -> ASGIApp:
    if reason is CallRefusal.CALL_OVER:
        return leave(page, read_id(page.request, "call_id", "not_found"), reason)
    return await _card(page, *page.refusal(Refused(reason)))


def _questions(page: StaffPage) -> dict[Question, str]:
    return {
        Question.SMS: page.say("短信核实码（6位数字）"),
        Question.DOCUMENT: page.say("证件号码（全部，或后6位）"),
        Question.NAME: page.say("姓名（全名）"),
        Question.PHONE: page.say("登记的手机号"),
        Question.CODE: page.say("任一预约的识别码"),
    }


def _states(page: StaffPage) -> dict[str, str]:
    return {
        "queued": page.say("待发送"),
        "submitted": page.say("已发出"),
        "delivered": page.say("已送达"),
        "failed": page.say("发送失败"),
        "unknown": page.say("结果不明"),
        "expired": page.say("已过期未发"),
        "by_phone": page.say("转人工电话"),
    }
