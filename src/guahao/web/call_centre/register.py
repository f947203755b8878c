"""Register a new caller; a telephone system opens the desk with the caller's number."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre import caller_booking as flows
from guahao.flows.call_centre.caller_booking import Registered
from guahao.rules.call_centre.callers import RegisterRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.phones import spoken_phone, valid_any_phone
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.web.framework import cookies as cookie_names
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.words.name_words import name_fault_text

_POP = "/staff/calls/new"
_REGISTER = "/staff/calls/register"
_CALLS = "/staff/calls"
_FIELD_MAX = 100
_CONFLICT = 409


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
            refused = name_fault_text(fault, page.language)
        case Refused(reason):
            refused = _not_registered(page, reason)
        case never:
            assert_never(never)
    return _form(page, typed, refused, _CONFLICT)


def _not_registered(page: StaffPage, refusal: PatientRefusal | RegisterRefusal) -> str:
    return {
        RegisterRefusal.PHONE_INVALID: page.say(
            "请填写11位手机号，或带区号的座机，如010-65551234转801。"
        ),
        RegisterRefusal.PHONE_IN_USE: page.say(
            "这个手机号已有就诊人登记。请先用手机号查找来电人，核实后再登记第二位。"
        ),
        PatientRefusal.ID_INVALID: page.say("证件号码不对，请逐位核对后再填。"),
        PatientRefusal.COUNTER_ONLY: page.say(
            "这类证件须凭原件登记：请来电人带原件到医院窗口办理。新生儿的出生医学证明，"
            "身份已核实的父母也可登录后自己添加。"
        ),
        PatientRefusal.OTHER_NAME: page.say(
            "这个证件已在这个手机号登记，姓名不同。请核对；要更正姓名的，请来电人带证件原件到医院窗口。"
        ),
        PatientRefusal.CONSENT_REQUIRED: page.say("请念出个人信息说明，来电人同意后勾选。"),
        PatientRefusal.GUARDIAN_REQUIRED: page.say("患者未满14周岁，要由监护人同意。"),
        PatientRefusal.PHONE_LIMIT: page.say("这个手机号已登记两位就诊人，请换一个手机号。"),
        PatientRefusal.IDENTITY_MISMATCH: page.say(
            "姓名和证件号码核验不一致。请与来电人逐字核对；仍不一致的，请来电人带证件原件到医院窗口登记。"
        ),
        PatientRefusal.ID_TAKEN: page.say(
            "这个证件已在另一个手机号登记。请用证件号码查找来电人，核实后可转到新手机号。"
        ),
    }[refusal]
