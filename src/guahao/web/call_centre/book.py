"""Book for the caller, with what is read back to them (复述)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.alternatives import alternatives
from guahao.flows.booking.desk import Busy, NotBooked, NotDecided, OutcomeUnknown, TooFast
from guahao.flows.booking.together import PairBooked, PairNotBooked
from guahao.flows.call_centre import caller_booking as flows
from guahao.flows.call_centre.caller_booking import Registered
from guahao.flows.call_centre.calls import card
from guahao.flows.supply.schedules import one_session
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.call_centre.callers import RegisterRefusal
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.outcomes import BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.identity import masked_document, masked_name, valid_phone
from guahao.rules.people.logins import LoginRefused
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.store.kernel.views import AppointmentView, PatientView, SessionView
from guahao.web.call_centre.card import say_refusal
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.words.name_words import say_name_fault

_NEW = "/staff/calls/new"
_BOOK = "/staff/calls/{call_id}/book/{session_id}"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_FIELD_MAX = 100
BOTH = "both"  # the choice of both patients of the caller
_CONFLICT = 409


def book_routes() -> list[StaffRoute]:
    """Return the pages that register a new caller and book for a caller."""
    return [
        StaffRoute("GET", _NEW, _ask_who, CALL_CENTRE_ROLES),
        StaffRoute("POST", _NEW, _register, CALL_CENTRE_ROLES),
        StaffRoute("GET", _BOOK, _confirm, CALL_CENTRE_ROLES),
        StaffRoute("POST", _BOOK, _book, CALL_CENTRE_ROLES),
    ]


async def _ask_who(page: StaffPage) -> ASGIApp:
    return page.show("staff/call_new.html", typed={}, refused="", notice_version=NOTICE_VERSION)


async def _register(page: StaffPage) -> ASGIApp:
    names = ("phone", "name", "id_type", "id_no")
    typed = {name: page.form.get(name, "")[:_FIELD_MAX] for name in names}
    consent = Consent(page.form.get("consent", ""), "agent", page.form.get("guardian") == "on")
    match await flows.register_caller(page.services.platform, page.staff, **typed, consent=consent):
        case Registered(call_id):
            page.flash(page.say("已登记，可以为来电人预约。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case NameFault() as fault:
            refused = say_name_fault(fault, page.language)
        case Refused(reason):
            refused = _not_registered(page, reason)
        case never:
            assert_never(never)
    return page.show(
        "staff/call_new.html",
        _CONFLICT,
        typed=typed,
        refused=refused,
        notice_version=NOTICE_VERSION,
    )


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
            "已核对过身份的父母也可登录后自己添加。"
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


async def _context(
    page: StaffPage,
) -> tuple[int, list[PatientView], SessionView] | Refused[CallRefusal]:
    call_id = read_id(page.request, "call_id", "not_found")
    session_id = read_id(page.request, "session_id", Refusal.UNKNOWN_SESSION)
    found = await one_session(page.services.platform, session_id)
    if found is None:
        raise ProblemError(Refusal.UNKNOWN_SESSION)
    patients = await flows.patients_of_call(page.services.platform, page.staff, call_id)
    return patients if isinstance(patients, Refused) else (call_id, patients, found[0])


async def _confirm(page: StaffPage) -> ASGIApp:
    context = await _context(page)
    if isinstance(context, Refused):
        return _not_in_call(page, context.reason)
    return _form(page, *context, key=secrets.token_urlsafe(16))


def _known_by(patient: PatientView) -> str:
    """Return by what an agent tells two patients of a phone apart: masked, a name may not do."""
    return f"{masked_name(patient.name)} {masked_document(patient.id_no)}"


def _not_in_call(page: StaffPage, refusal: CallRefusal) -> ASGIApp:
    """Redirect to the call if it is still open, otherwise to the search."""
    page.flash(say_refusal(page, refusal))
    goes_on = refusal is CallRefusal.NOT_VERIFIED
    return page.redirect(
        f"/staff/calls/{page.request.path_params['call_id']}" if goes_on else "/staff/calls"
    )


def _form(
    page: StaffPage,
    call_id: int,
    patients: list[PatientView],
    session: SessionView,
    *,
    key: str,
    chosen: int = 0,
    both_chosen: bool = False,
    refused: str = "",
    others: list[SessionView] | None = None,
    status: int = 200,
) -> ASGIApp:
    return page.show(
        "staff/call_book.html",
        status,
        call_id=call_id,
        patients=[
            (patient.id, _known_by(patient) if len(patients) > 1 else masked_name(patient.name))
            for patient in patients
        ],
        session=session,
        key=key,
        chosen=chosen,
        both=BOTH if len(patients) == PATIENTS_PER_PHONE else "",
        both_chosen=both_chosen,
        refused=refused,
        others=others or [],
    )


async def _book(page: StaffPage) -> ASGIApp:
    """Book; the same form sent twice, by a double Enter, is the same booking."""
    context = await _context(page)
    if isinstance(context, Refused):
        return _not_in_call(page, context.reason)
    call_id, patients, session = context
    choice, key = page.form.get("patient_id", ""), page.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise ProblemError("bad_request")
    if choice == BOTH and len(patients) == PATIENTS_PER_PHONE:
        return await _book_both(page, call_id, patients, session, key)
    return await _book_one(page, call_id, patients, session, as_id(choice) or 0, key)


async def _book_one(
    page: StaffPage,
    call_id: int,
    patients: list[PatientView],
    session: SessionView,
    patient_id: int,
    key: str,
) -> ASGIApp:
    answer = await flows.book_for_caller(
        page.services.platform, page.services.desk, page.staff, call_id, patient_id, session.id, key
    )
    match answer:
        case AppointmentView():
            return await _booked(page, call_id, [answer])
        case BeforeOwnMoment():
            return await _refused(page, call_id, patients, session, patient_id, answer)
        case Refused(reason, retry_from, visit_from):
            match reason:
                case Refusal():
                    refused = Refused(reason, retry_from, visit_from)
                    return await _refused(page, call_id, patients, session, patient_id, refused)
                case CallRefusal.UNKNOWN_PATIENT:
                    sentence = say_refusal(page, reason)
                    return _form(
                        page,
                        call_id,
                        patients,
                        session,
                        key=key,
                        refused=sentence,
                        status=_CONFLICT,
                    )
                case CallRefusal():
                    return _not_in_call(page, reason)
        case KeyMismatch() | LoginRefused() | NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            return _undecided(page, call_id, patients, session, patient_id, key, answer)
        case never:
            assert_never(never)


async def _book_both(
    page: StaffPage, call_id: int, patients: list[PatientView], session: SessionView, key: str
) -> ASGIApp:
    """Book both of the caller's patients, or neither."""
    first, second = sorted(patient.id for patient in patients)
    answer = await flows.book_both_for_caller(
        page.services.platform,
        page.services.desk,
        page.staff,
        call_id,
        (first, second),
        session.id,
        key,
    )
    match answer:
        case PairBooked(bookings):
            return await _booked(page, call_id, bookings)
        case PairNotBooked(refused, patient_ids):
            found = await card(page.services.platform, page.staff, call_id)
            held = [
                booking
                for booking in (found.current if found is not None else ())
                if (booking.session.id, booking.status) == (session.id, "booked")
            ]
            # After going back and confirming again the agent wants the bookings and their codes.
            if {booking.patient.id for booking in held}.issuperset((first, second)):
                return await _booked(page, call_id, held)
            about = [_known_by(patient) for patient in patients if patient.id in patient_ids]
            said = page.services.replies.pair_refused(refused, patient_ids, about, page.language)
            return _form(
                page,
                call_id,
                patients,
                session,
                key=secrets.token_urlsafe(16),
                both_chosen=True,
                refused=said.detail,
                status=_CONFLICT,
            )
        case Refused(CallRefusal() as reason):
            return _not_in_call(page, reason)
        case Refused(reason):
            return _not_in_call(page, CallRefusal.UNKNOWN_PATIENT)
        case KeyMismatch() | LoginRefused() | NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            return _undecided(page, call_id, patients, session, None, key, answer)
        case never:
            assert_never(never)


async def _refused(
    page: StaffPage,
    call_id: int,
    patients: list[PatientView],
    session: SessionView,
    patient_id: int,
    refused: Refused[Refusal],
) -> ASGIApp:
    """Show the patient's own sentence, and what else the agent can offer."""
    said = page.services.replies.refused(refused, page.language).detail
    found = await card(page.services.platform, page.staff, call_id)
    for booking in found.current if found is not None else ():
        # After going back and confirming again the agent wants the booking and its code.
        held = (booking.session.id, booking.patient.id) == (session.id, patient_id)
        if held and booking.status == "booked":
            return await _booked(page, call_id, [booking])
    others: list[SessionView] = []
    if found is not None and refused.reason is not Refusal.PATIENT_SUSPENDED:
        account_id = found.call.account_id
        others = await alternatives(page.services.platform, account_id, patient_id, session.id)
    key = secrets.token_urlsafe(16)
    return _form(
        page,
        call_id,
        patients,
        session,
        key=key,
        chosen=patient_id,
        refused=said,
        others=others,
        status=_CONFLICT,
    )


def _undecided(
    page: StaffPage,
    call_id: int,
    patients: list[PatientView],
    session: SessionView,
    patient_id: int | None,
    key: str,
    answer: KeyMismatch | LoginRefused | NotDecided,
) -> ASGIApp:
    """Keep the idempotency key in the form: sending it again finds the outcome.

    `patient_id`: None where both were chosen.
    """
    if isinstance(answer, KeyMismatch):
        refused, key = page.problem("idempotency_mismatch").detail, secrets.token_urlsafe(16)
    elif isinstance(answer, NotBooked | Busy):
        refused = page.say("系统暂时不能办理预约，这次没有约上。请稍等几秒，再按一次。")
    else:
        refused = page.say("系统正忙，还不知道是否约上。请稍等几秒，再按一次，不会重复预约。")
    return _form(
        page,
        call_id,
        patients,
        session,
        key=key,
        chosen=patient_id or 0,
        both_chosen=patient_id is None,
        refused=refused,
        status=503,
    )


async def _booked(page: StaffPage, call_id: int, views: Sequence[AppointmentView]) -> ASGIApp:
    """Show what is read back of bookings of a session, with the code of each.

    For a landline, which gets no SMS, the codes are to note or print.
    """
    session = views[0].session
    found = await card(page.services.platform, page.staff, call_id)
    landline = found is not None and valid_phone(found.phone) is None
    return page.show(
        "staff/call_booked.html",
        call_id=call_id,
        session=session,
        bookings=[
            (
                _known_by(view.patient) if len(views) > 1 else masked_name(view.patient.name),
                f"{view.code[:4]} {view.code[4:]}",
                view.order_no,
            )
            for view in views
        ],
        landline=landline,
        pickup_until=pickup_deadline(session.visit_date, session.period, session.rules),
        cancel_until=cancel_deadline(session.visit_date, session.rules),
    )
