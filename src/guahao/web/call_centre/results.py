"""What came of a call, asked when it has ended: a key for each result."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre import results as flows
from guahao.rules.call_centre.results import (
    NOTE_KEPT,
    NOTE_LENGTH_MAX,
    WITHOUT_ACCOUNT,
    CallResult,
    NotBookedFor,
    ResultGiven,
    ResultRefusal,
    is_recordable,
)
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.store.call_centre.results import AgentCall, EarlierCall
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute

CALLS_PATH = "/staff/calls"
_RESULT = "/staff/calls/{call_id}/result"
_WITHOUT_ACCOUNT = "/staff/calls/unregistered"


def result_routes() -> list[StaffRoute]:
    """Return the page that asks what came of a call, and its answer."""
    return [
        StaffRoute("GET", _RESULT, _ask, CALL_CENTRE_ROLES),
        StaffRoute("POST", _RESULT, _save, CALL_CENTRE_ROLES),
        StaffRoute("POST", _WITHOUT_ACCOUNT, _save_without_account, CALL_CENTRE_ROLES),
    ]


def result_text(page: StaffPage, call: EarlierCall | AgentCall) -> str:
    """Return what came of a call; empty where it was not recorded."""
    if call.not_booked_for is not None:
        return page.say("没有约成：{reason}", reason=reason_words(page)[call.not_booked_for])
    return "" if call.result is None else result_words(page)[call.result]


def result_words(page: StaffPage) -> dict[CallResult, str]:
    """Return the name of each result."""
    return {
        CallResult.BOOKED: page.say("已预约"),
        CallResult.RESCHEDULED: page.say("已改约"),
        CallResult.CANCELLED: page.say("已退号"),
        CallResult.APPLIED: page.say("已登记候补"),
        CallResult.ANSWERED: page.say("已答复咨询"),
        CallResult.NOT_BOOKED: page.say("没有约成"),
    }


def reason_words(page: StaffPage) -> dict[NotBookedFor, str]:
    """Return why nothing was booked, in words."""
    return {
        NotBookedFor.NO_PLACES: page.say("没有合适的号"),
        NotBookedFor.RULES: page.say("暂停预约或达到上限"),
        NotBookedFor.NOT_VERIFIED: page.say("没能核实来电人"),
        NotBookedFor.OTHER: page.say("不约了、中断或其他"),
    }


async def _ask(page: StaffPage) -> ASGIApp:
    return await _form(page)


async def _form(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    call = await flows.call_of_agent(page.services.platform, page.staff, call_id)
    if call is None:
        raise ProblemError("not_found")
    if not is_recordable(call, page.now):
        return _too_late(page)
    has_account = call.account_id is not None
    results = tuple(CallResult) if has_account else WITHOUT_ACCOUNT
    return page.show(
        "staff/call_result.html",
        status,
        call=call,
        has_account=has_account,
        recorded=result_text(page, call),
        done=[
            (result.value, result_words(page)[result])
            for result in results
            if result is not CallResult.NOT_BOOKED
        ],
        not_booked=[(reason.value, words) for reason, words in reason_words(page).items()],
        note=page.form.get("note", call.note),
        note_most=NOTE_LENGTH_MAX,
        note_days=NOTE_KEPT.days,
        refused=refused,
    )


def _too_late(page: StaffPage) -> ASGIApp:
    page.flash(page.refusal(Refused(ResultRefusal.TOO_LATE)).text)
    return page.redirect(CALLS_PATH)


def choices_without_account(page: StaffPage) -> list[tuple[str, str]]:
    """Return what can come of a call of somebody who is not registered, in words."""
    reasons = reason_words(page)
    return [
        (CallResult.ANSWERED.value, result_words(page)[CallResult.ANSWERED]),
        *((reason.value, words) for reason, words in reasons.items()),
    ]


async def _save_without_account(page: StaffPage) -> ASGIApp:
    match await flows.save_without_account(page.services.platform, page.staff, _given(page)):
        case Done():
            page.flash(page.say("已记录。"))
            return page.redirect(CALLS_PATH)
        case Refused():
            raise ProblemError("bad_request")
        case never:
            assert_never(never)


def _given(page: StaffPage) -> ResultGiven:
    """Return what was chosen: a result, or the reason why nothing was booked."""
    chosen, note = page.form.get("result", ""), page.form.get("note", "")
    if chosen in set(NotBookedFor):
        return ResultGiven(CallResult.NOT_BOOKED, NotBookedFor(chosen), note)
    if chosen in set(CallResult) - {CallResult.NOT_BOOKED}:
        return ResultGiven(CallResult(chosen), note=note)
    raise ProblemError("bad_request")


async def _save(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    match await flows.save_result(page.services.platform, page.staff, call_id, _given(page)):
        case Done():
            page.flash(page.say("已记录。"))
            return page.redirect(CALLS_PATH)
        case Refused(ResultRefusal.UNKNOWN_CALL):
            raise ProblemError("not_found")
        case Refused(ResultRefusal.TOO_LATE):
            return _too_late(page)
        case Refused() as refused:
            return await _form(page, *page.refusal(refused))
        case never:
            assert_never(never)
