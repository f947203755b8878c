"""The window's person pages: the document in hand, register, correct, check, move.

What is looked up stays in the form, sealed for this clerk: no document stands in an address.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.people import counter as flows
from guahao.flows.people.counter import AtCounter
from guahao.flows.people.moving import Moved, MovePending
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.counter import CounterRefusal
from guahao.rules.people.identity import hidden_phone, masked_name
from guahao.rules.staff.staff import Role
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.web.staff import Sending, StaffPage, StaffRoute
from guahao.web.staff.hospital.moves import MovePages
from guahao.web.staff.reading import read_date
from guahao.web.words.name_words import name_fault_text

PERSONS_PATH = "/staff/window/persons"
_MOVES = MovePages("/staff/window/moves", tab="persons", back=PERSONS_PATH)
_CLERK = frozenset({Role.CLERK})
_FIELD_MAX = 60
_SEALED_MAX = 2000
_UNPROCESSABLE = 422
_FIELDS = ("name", "id_type", "id_no")


def person_routes() -> list[StaffRoute]:
    """Return the routes of looking up, and of what can be done for who stands there."""
    return [
        StaffRoute("GET", PERSONS_PATH, _show, _CLERK),
        StaffRoute("POST", PERSONS_PATH, _look_up, _CLERK, sending=Sending.FREELY),
        StaffRoute("POST", f"{PERSONS_PATH}/register", _register, _CLERK),
        StaffRoute("POST", f"{PERSONS_PATH}/check", _check, _CLERK),
        StaffRoute("POST", f"{PERSONS_PATH}/move", _ask_to_move, _CLERK),
        StaffRoute("POST", f"{PERSONS_PATH}/dispute", _ask_to_move, _CLERK),
        StaffRoute("POST", f"{PERSONS_PATH}/slips", _slips, _CLERK, sending=Sending.FREELY),
        *_MOVES.routes(_CLERK),
    ]


async def _show(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    typed = {name: page.form.get(name, "") for name in _FIELDS}
    return page.show("staff/window_persons.html", status, typed=typed, refused=refused)


async def _look_up(page: StaffPage) -> ASGIApp:
    typed = {name: page.form.get(name, "")[:_FIELD_MAX] for name in _FIELDS}
    found = await flows.look_up(
        page.services.platform, page.staff, **typed, original_seen=page.form.get("seen") == "on"
    )
    match found:
        case AtCounter():
            return _person(page, found)
        case NameFault() as fault:
            return await _show(page, name_fault_text(fault, page.language), _UNPROCESSABLE)
        case Refused():
            return await _show(page, *page.refusal(found))
        case never:
            assert_never(never)


def _person(page: StaffPage, found: AtCounter, refused: str = "", status: int = 200) -> ASGIApp:
    person = found.person
    phone = "" if person is None or not person.phone else hidden_phone(person.phone)
    return page.show(
        "staff/window_person.html",
        status,
        found=found,
        person_name=found.in_hand.name,
        document=page.masked_document(found.in_hand.number),
        registered_name="" if person is None else page.masked_name(person.patient.name),
        phone=phone,
        refused=refused,
        typed=page.form,
        notice_version=NOTICE_VERSION,
    )


async def refused_person(page: StaffPage, refused: Refused[StrEnum]) -> ASGIApp:
    """Return to the person with the reason; to the look-up where half an hour has passed."""
    found = await flows.again(page.services.platform, page.staff, person_of(page))
    if found is None:
        return await _show(page, *page.refusal(Refused(CounterRefusal.LOOK_UP_AGAIN)))
    return _person(page, found, *page.refusal(refused))


def person_of(page: StaffPage) -> str:
    """Return who was looked up, sealed for this clerk, as the form carries it."""
    return page.form.get("person", "")[:_SEALED_MAX]


async def _register(page: StaffPage) -> ASGIApp:
    phone = page.form.get("phone", "")[:_FIELD_MAX]
    consent = Consent(page.form.get("consent", ""), "clerk", page.form.get("guardian") == "on")
    outcome = await flows.register(
        page.services.platform,
        page.staff,
        person_of(page),
        phone,
        read_date(page.form.get("birth_date", "")),
        consent=consent,
    )
    match outcome:
        case PatientView():
            page.flash(
                page.say(
                    "已登记。患者可用手机号登录预约，或拨打{hotline}由客服预约。",
                    hotline=page.hotline,
                )
            )
            return page.redirect(PERSONS_PATH)
        case Refused():
            return await refused_person(page, outcome)
        case never:
            assert_never(never)


async def _check(page: StaffPage) -> ASGIApp:
    outcome = await flows.check(
        page.services.platform,
        page.staff,
        person_of(page),
        page.form.get("phone", "")[:_FIELD_MAX],
        page.form.get("reason", "")[:REASON_MAX],
    )
    match outcome:
        case PatientView():
            page.flash(page.say("已按证件核对，姓名与证件一致。"))
            return page.redirect(PERSONS_PATH)
        case Refused():
            return await refused_person(page, outcome)
        case never:
            assert_never(never)


async def _slips(page: StaffPage) -> ASGIApp:
    """Show the codes of what is booked here, to print for a person whom no SMS reaches."""
    outcome = await flows.slips(page.services.platform, page.staff, person_of(page))
    match outcome:
        case list() as views:
            return page.show("staff/window_slips.html", slips=[_Slip(view) for view in views])
        case Refused():
            return await refused_person(page, outcome)
        case never:
            assert_never(never)


class _Slip:
    """What stands on a slip: enough to find the way, and to pick up with the document."""

    def __init__(self, view: AppointmentView) -> None:
        session = view.session
        self.view = view
        self.person_name = masked_name(view.patient.name)
        self.code = f"{view.code[:4]} {view.code[4:]}"
        self.until = pickup_deadline(session.visit_date, session.period, session.rules)
        self.cancel_until = view.cancel_until


async def _ask_to_move(page: StaffPage) -> ASGIApp:
    """Move the person, or take the identity over from somebody else's registration."""
    outcome = await flows.ask_to_move(
        page.services.platform,
        page.staff,
        person_of(page),
        page.form.get("phone", "")[:_FIELD_MAX],
        page.form.get("reason", "")[:REASON_MAX],
        disputed=page.path.endswith("/dispute"),
    )
    match outcome:
        case MovePending(move_id) | Moved(move_id):
            return page.redirect(f"{_MOVES.base}/{move_id}")
        case Refused():
            return await refused_person(page, outcome)
        case never:
            assert_never(never)
