"""Reschedule a caller's booking: another session of its department, and a reason (改约)."""

from __future__ import annotations

import re
import secrets
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.desk import Busy, NotBooked, OutcomeUnknown, TooFast
from guahao.flows.booking.rescheduling import Rescheduled, places_instead
from guahao.flows.call_centre.caller_rescheduling import reschedule_for_caller
from guahao.flows.call_centre.calls import card
from guahao.rules.booking.rescheduling import NotRescheduled
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.outcomes import KeyMismatch, Refusal, Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.people.identity import valid_phone
from guahao.rules.people.logins import LoginRefused
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.web.call_centre.panel import find_panel, leave
from guahao.web.http.reading import ProblemError, as_date, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute

_PATH = "/staff/calls/{call_id}/bookings/{appointment_id}/reschedule"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_CONFLICT = 409


def reschedule_routes() -> list[StaffRoute]:
    """Return the page that moves a caller's booking."""
    return [
        StaffRoute("GET", _PATH, _ask, CALL_CENTRE_ROLES),
        StaffRoute("POST", _PATH, _reschedule, CALL_CENTRE_ROLES),
    ]


async def _ask(page: StaffPage) -> ASGIApp:
    return await _form(page)


async def _form(page: StaffPage, refused: str = "", status: int = 200, key: str = "") -> ASGIApp:
    """Show what may be chosen; `key`: of a form whose outcome is open."""
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    caller = await find_panel(page, call_id)
    if caller is None:
        return leave(page, call_id, CallRefusal.CALL_OVER)
    view = next((booking for booking in caller.card.current if booking.id == id), None)
    if view is None:
        return leave(page, call_id, CallRefusal.UNKNOWN_APPOINTMENT)
    account_id, from_day = caller.card.call.account_id, as_date(page.query("from"))
    places = await places_instead(page.services.platform, account_id, id, "agent", from_day)
    if isinstance(places, NotRescheduled):
        refused = refused or page.problem(places.reason, deadline=places.until).detail
        status = max(status, _CONFLICT)
    return page.show(
        "staff/call_reschedule.html",
        status,
        caller=caller,
        view=view,
        places=None if isinstance(places, NotRescheduled) else places,
        refused=refused,
        reason=page.form.get("reason", "")[:REASON_MAX],
        chosen=as_id(page.form.get("session_id", "")),
        key=key or secrets.token_urlsafe(16),
    )


async def _reschedule(page: StaffPage) -> ASGIApp:
    """Move the booking; the same form sent twice moves it once."""
    call_id = read_id(page.request, "call_id", "not_found")
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    session_id, key = as_id(page.form.get("session_id", "")), page.form.get("key", "")
    why = page.form.get("reason", "")[:REASON_MAX]
    if not _KEY.fullmatch(key):
        raise ProblemError("bad_request")
    if session_id is None:
        return await _form(page, page.say("请选要改到的一场，并写明原因。"), 422, key)
    services = page.services
    answer = await reschedule_for_caller(
        services.platform, services.desk, page.staff, call_id, id, session_id, key, why
    )
    match answer:
        case Rescheduled():
            found = await card(services.platform, page.staff, call_id)
            has_sms = found is None or valid_phone(found.phone) is not None
            page.flash(
                page.say("已改约，旧号已退。短信和新识别码已发往登记的手机。")
                if has_sms
                else page.say("已改约，旧号已退。新识别码请念给来电人。")
            )
            return page.redirect(f"/staff/calls/{call_id}")
        case NotRescheduled(reason, until=until):
            return await _form(page, page.problem(reason, deadline=until).detail, _CONFLICT)
        case Refused(reason):
            if reason is CallRefusal.REASON_NEEDED:
                return await _form(page, *page.refusal(Refused(reason)), key)
            if isinstance(reason, CallRefusal):
                return leave(page, call_id, reason)
            assert isinstance(reason, Refusal)
            refused = Refused(reason, answer.retry_from, answer.visit_from)
            said = page.services.replies.refused(refused, page.language)
            kept = page.say("没有改约，原来的号还在。")
            return await _form(page, f"{kept}{said.detail}", _CONFLICT)
        case KeyMismatch():
            return await _form(page, page.problem("idempotency_mismatch").detail, 422)
        case LoginRefused() | NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            busy = page.say("系统正忙，还不知道是否改成。请稍等几秒，再按一次，不会重复。")
            return await _form(page, busy, 503, key)
        case never:
            assert_never(never)
