"""Book for the caller, with what is read back to them (复述)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.alternatives import alternatives
from guahao.flows.booking.checking import BookingCheck, check
from guahao.flows.booking.desk import Busy, NotBooked, NotDecided, OutcomeUnknown, TooFast
from guahao.flows.booking.together import PairBooked, PairNotBooked
from guahao.flows.call_centre import caller_booking as flows
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.outcomes import BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.rules.people.logins import LoginRefused
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.web.call_centre.panel import CallerPanel, find_panel, leave, verified_caller
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute

_BOOK = "/staff/calls/{call_id}/book/{session_id}"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
BOTH = "both"  # the choice of both patients of the caller
_CONFLICT = 409


def book_routes() -> list[StaffRoute]:
    """Return the pages that book for a caller."""
    return [
        StaffRoute("GET", _BOOK, _confirm, CALL_CENTRE_ROLES),
        StaffRoute("POST", _BOOK, _book, CALL_CENTRE_ROLES),
    ]


@dataclass(frozen=True, slots=True)
class _Booking:
    """A session that is booked for a verified caller."""

    caller: CallerPanel
    check: BookingCheck

    @property
    def session(self) -> SessionView:
        """Return the session."""
        return self.check.session

    def held(self, patient_ids: set[int]) -> list[AppointmentView]:
        """Return the bookings of the session that these patients have: after going back and
        confirming again the agent wants the bookings and their codes.
        """
        found = [
            booking
            for booking in self.caller.card.current
            if (booking.session.id, booking.status) == (self.session.id, "booked")
            and booking.patient.id in patient_ids
        ]
        return found if {booking.patient.id for booking in found} == patient_ids else []


async def _booking_of(page: StaffPage) -> _Booking | Answer:
    session_id = read_id(page.request, "session_id", Refusal.UNKNOWN_SESSION)
    caller = await verified_caller(page)
    if isinstance(caller, Answer):
        return caller
    by = Actor("staff", page.staff.id)
    platform, account_id = page.services.platform, caller.card.call.account_id
    found = await check(platform, account_id, session_id, flows.CHANNEL, by)
    if found is None:
        raise ProblemError(Refusal.UNKNOWN_SESSION)
    return _Booking(caller, found)


async def _confirm(page: StaffPage) -> ASGIApp:
    booking = await _booking_of(page)
    if isinstance(booking, Answer):
        return booking
    refused = [
        (check.patient.id, check.refused) for check in booking.check.patients if not check.may_book
    ]
    others: list[SessionView] = []
    if refused and len(refused) == len(booking.caller.patients):
        others = await _others(page, booking, *refused[0])
    return _form(page, booking, key=secrets.token_urlsafe(16), others=others)


async def _others(
    page: StaffPage, booking: _Booking, patient_id: int, refused: Refused[Refusal] | None
) -> list[SessionView]:
    """Return what else this patient can book; nothing while they are suspended."""
    if refused is not None and refused.reason is Refusal.PATIENT_SUSPENDED:
        return []
    account_id = booking.caller.card.call.account_id
    return await alternatives(page.services.platform, account_id, patient_id, booking.session.id)


def _form(
    page: StaffPage,
    booking: _Booking,
    *,
    key: str,
    chosen: int = 0,
    both_chosen: bool = False,
    refused: str = "",
    others: Sequence[SessionView] = (),
    status: int = 200,
) -> ASGIApp:
    patients, shown = booking.caller.patients, booking.caller.shown
    replies, language = page.services.replies, page.language
    # Said before the button: with one refused patient the form still books for the other.
    refusals = {
        patient.patient.id: replies.refused(patient.refused, language).detail
        for patient in booking.check.patients
        if patient.refused is not None and not patient.may_book
    }
    return page.show(
        "staff/call_book.html",
        status,
        caller=booking.caller,
        patients=[
            (patient.id, shown.known_by(patient, patients), refusals.get(patient.id, ""))
            for patient in patients
        ],
        may_book=len(refusals) < len(patients),
        session=booking.session,
        key=key,
        chosen=chosen,
        both=BOTH if len(patients) == PATIENTS_PER_PHONE and not refusals else "",
        both_chosen=both_chosen,
        refused=refused,
        others=others,
    )


async def _book(page: StaffPage) -> ASGIApp:
    """Book; the same form sent twice, by a double Enter, is the same booking."""
    booking = await _booking_of(page)
    if isinstance(booking, Answer):
        return booking
    choice, key = page.form.get("patient_id", ""), page.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise ProblemError("bad_request")
    if choice == BOTH and len(booking.caller.patients) == PATIENTS_PER_PHONE:
        return await _book_both(page, booking, key)
    return await _book_one(page, booking, as_id(choice) or 0, key)


async def _book_one(page: StaffPage, booking: _Booking, patient_id: int, key: str) -> ASGIApp:
    platform, desk = page.services.platform, page.services.desk
    answer = await flows.book_for_caller(
        platform, desk, page.staff, booking.caller.call_id, patient_id, booking.session.id, key
    )
    match answer:
        case AppointmentView():
            return await _booked(page, booking, [answer])
        case BeforeOwnMoment():
            return await _refused(page, booking, patient_id, answer)
        case Refused(reason, retry_from, visit_from):
            match reason:
                case Refusal():
                    refused = Refused(reason, retry_from, visit_from)
                    return await _refused(page, booking, patient_id, refused)
                case CallRefusal.UNKNOWN_PATIENT:
                    said = page.refusal(Refused(reason))
                    return _form(page, booking, key=key, refused=said.text, status=said.status)
                case CallRefusal():
                    return leave(page, booking.caller.call_id, reason)
        case KeyMismatch() | LoginRefused() | NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            return _undecided(page, booking, patient_id, key, answer)
        case never:
            assert_never(never)


async def _book_both(page: StaffPage, booking: _Booking, key: str) -> ASGIApp:
    """Book both of the caller's patients, or neither."""
    platform, desk = page.services.platform, page.services.desk
    first, second = sorted(patient.id for patient in booking.caller.patients)
    answer = await flows.book_both_for_caller(
        platform, desk, page.staff, booking.caller.call_id, (first, second), booking.session.id, key
    )
    match answer:
        case PairBooked(bookings):
            return await _booked(page, booking, bookings)
        case PairNotBooked(refused, patient_ids):
            held = booking.held({first, second})
            if held:
                return await _booked(page, booking, held)
            about = [
                booking.caller.shown.known_by(patient, booking.caller.patients)
                for patient in booking.caller.patients
                if patient.id in patient_ids
            ]
            said = page.services.replies.pair_refused(refused, patient_ids, about, page.language)
            return _form(
                page,
                booking,
                key=secrets.token_urlsafe(16),
                both_chosen=True,
                refused=said.detail,
                status=_CONFLICT,
            )
        case Refused(CallRefusal() as reason):
            return leave(page, booking.caller.call_id, reason)
        case Refused(reason):
            return leave(page, booking.caller.call_id, CallRefusal.UNKNOWN_PATIENT)
        case KeyMismatch() | LoginRefused() | NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            return _undecided(page, booking, None, key, answer)
        case never:
            assert_never(never)


async def _refused(
    page: StaffPage, booking: _Booking, patient_id: int, refused: Refused[Refusal]
) -> ASGIApp:
    """Show the patient's own sentence, and what else the agent can offer."""
    held = booking.held({patient_id})
    if held:
        return await _booked(page, booking, held)
    return _form(
        page,
        booking,
        key=secrets.token_urlsafe(16),
        chosen=patient_id,
        refused=page.services.replies.refused(refused, page.language).detail,
        others=await _others(page, booking, patient_id, refused),
        status=_CONFLICT,
    )


def _undecided(
    page: StaffPage,
    booking: _Booking,
    patient_id: int | None,
    key: str,
    answer: KeyMismatch | LoginRefused | NotDecided,
) -> ASGIApp:
    """Keep the idempotency key in the form: sending it again finds the outcome.

    `patient_id`: None where both were chosen.
    """
    match answer:
        case KeyMismatch():
            refused, key = page.problem("idempotency_mismatch").detail, secrets.token_urlsafe(16)
        case NotBooked() | Busy():
            refused = page.say("系统暂时不能办理预约，这次没有约上。请稍等几秒，再按一次。")
        case LoginRefused() | TooFast() | OutcomeUnknown():
            refused = page.say("系统正忙，还不知道是否约上。请稍等几秒，再按一次，不会重复预约。")
        case never:
            assert_never(never)
    return _form(
        page,
        booking,
        key=key,
        chosen=patient_id or 0,
        both_chosen=patient_id is None,
        refused=refused,
        status=503,
    )


async def _booked(page: StaffPage, booking: _Booking, views: Sequence[AppointmentView]) -> ASGIApp:
    """Show what is read back of bookings of a session, with the code of each.

    For a landline, which gets no SMS, the codes are to note or print.
    """
    session = views[0].session
    caller = await find_panel(page, booking.caller.call_id) or booking.caller
    return page.show(
        "staff/call_booked.html",
        caller=caller,
        call_id=booking.caller.call_id,
        session=session,
        bookings=[
            (
                caller.shown.known_by(view.patient, [view.patient for view in views]),
                f"{view.code[:4]} {view.code[4:]}",
                view.order_no,
            )
            for view in views
        ],
        landline=caller.is_landline,
        pickup_until=pickup_deadline(session.visit_date, session.period, session.rules),
        cancel_until=cancel_deadline(session.visit_date, session.rules),
    )
