"""Register a new caller; a telephone system opens the desk with the caller's number."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre import caller_booking as flows
from guahao.flows.call_centre.caller_booking import Registered
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.phones import spoken_phone, valid_any_phone
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.web.framework import cookies as cookie_names
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.words.name_words import name_fault_text

_POP = "/staff/calls/new"
_REGISTER = "/staff/calls/register"
_CALLS = "/staff/calls"
_FIELD_MAX = 100
_UNPROCESSABLE = 422


def register_routes() -> list[StaffRoute]:
    """Return the address that a telephone system opens, and the registration."""
    return [
        # Without a role: the number leaves the address before anything else, the log-in included.
        StaffRoute("GET", _POP, _pop, None),
        StaffRoute("GET", _REGISTER, _ask_who, CALL_CENTRE_ROLES),
        StaffRoute("POST", _REGISTER, _register, CALL_CENTRE_ROLES),
    ]


async def _pop(page: StaffPage) -> ASGIApp:
    """Take the number out of the address, to the search (docs/decisions/0054)."""
    phone = valid_any_phone(page.query("phone")[:_FIELD_MAX])
    if phone is not None:
        page.seal(cookie_names.CALLER, spoken_phone(phone.number))
    return page.redirect(_CALLS)


async def _ask_who(page: StaffPage) -> ASGIApp:
    typed = {"phone": page.sealed(cookie_names.NEW_CALLER) or ""}
    if typed["phone"]:
        page.drop_cookie(cookie_names.NEW_CALLER)
    return _form(page, typed)


def _form(page: StaffPage, typed: dict[str, str], refused: str = "", status: int = 200) -> ASGIApp:
    return page.show(
        "staff/call_new.html",
        status,
        typed=typed,
        refused=refused,
        notice_version=NOTICE_VERSION,
    )


async def _register(page: StaffPage) -> ASGIApp:
    names = ("phone", "name", "id_type", "id_no")
    typed = {name: page.form.get(name, "")[:_FIELD_MAX] for name in names}
    consent = Consent(page.form.get("consent", ""), "agent", page.form.get("guardian") == "on")
    match await flows.register_caller(page.services.platform, page.staff, **typed, consent=consent):
        case Registered(call_id):
            page.flash(page.say("已登记，可以为来电人预约。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case NameFault() as fault:
            return _form(page, typed, name_fault_text(fault, page.language), _UNPROCESSABLE)
        case Refused() as refused:
            return _form(page, typed, *page.refusal(refused))
        case never:
            assert_never(never)
