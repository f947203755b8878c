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
from guahao.words.text import Words

CLERK = frozenset({Role.CLERK})
_WINDOW = "/staff/window"
_FIELD_MAX = 60
_HEADLINES = {
    PickupRefusal.WRONG_PERSON: Words("证件与识别码不符"),
    PickupRefusal.WRONG_HOSPITAL: Words("不是本院的预约"),
    PickupRefusal.ALREADY_PICKED_UP: Words("已经取过号"),
    PickupRefusal.NOT_BOOKED: Words("预约已取消或停诊"),
    PickupRefusal.WRONG_DAY: Words("不是今天的预约"),
    PickupRefusal.TOO_LATE: Words("已过取号时间"),
}


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """The answer to the clerk, large: a headline, and what to say or do."""

    good: bool
    title: str
    advice: str
    view: AppointmentView | None = None
    name: str = ""
    typed: str = ""
    place: OwnPlace | None = None


def window_routes() -> list[StaffRoute]:
    """Return the routes of the window, and taking back a mistake."""
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
    match answer:
        case AppointmentView():
            places = await own_places(page.services.platform, [answer.id])
            verdict = replace(verdict, place=places.get(answer.id))
        case TooManyGuesses() | NotHandedOut(PickupRefusal.WRONG_PERSON):
            note(page.request.scope, SecurityEvent.PICK_UP_REFUSED)
        case NotHandedOut():
            pass
        case never:
            assert_never(never)
    if not verdict.good:
        # So that a slip of a digit is seen; the document by its ends only.
        typed = f"{code} · {page.masked_document(compact(id_no))}"
        verdict = replace(verdict, typed=typed)
    return page.show("staff/window.html", verdict=verdict)


def _verdict(
    page: StaffPage, answer: AppointmentView | NotHandedOut | TooManyGuesses
) -> WindowAnswer:
    match answer:
        case AppointmentView(session=session):
            department = page.names.name(session.department_name, session.department_name_en)
            return WindowAnswer(
                True,
                page.say("已取号"),
                page.say("请告诉患者：到{department}候诊。", department=department),
                answer,
                masked_name(answer.patient.name),
            )
        case TooManyGuesses(retry_from):
            return WindowAnswer(
                False,
                page.say("错误次数过多"),
                page.say(
                    "为防止猜码，请在{when}之后再试这个识别码；其他患者可以继续取号。",
                    when=page.time(retry_from),
                ),
            )
        case NotHandedOut(reason):
            headline = _HEADLINES[reason].of(page.language)
            return WindowAnswer(False, headline, page.refusal(answer).text)
        case never:
            assert_never(never)


async def _ask_to_correct(page: StaffPage) -> ASGIApp:
    return await _correction(page)


async def _correction(
    page: StaffPage, refused: str = "", status: int = 200, reason: str = ""
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
        case Refused():
            return await _correction(page, *page.refusal(outcome), reason)
        case Done():
            page.flash(page.say("已更正，预约恢复为未取号。"))
            return page.redirect("/staff/window/today")
        case never:
            assert_never(never)
