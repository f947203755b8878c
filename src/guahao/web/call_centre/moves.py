"""Move a caller's patient to another phone: an agent requests it, a supervisor decides."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre.calls import card as card_of
from guahao.flows.people import moving as flows
from guahao.flows.people.moving import Moved, MovePending
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.moving import MoveRefusal
from guahao.rules.staff.staff import CALL_CENTRE_ROLES, Role
from guahao.web.call_centre.panel import leave, panel_of
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.hospital.moves import MovePages, MoveView
from guahao.web.words.name_words import name_fault_text

MOVES_PATH = "/staff/moves"
_MOVE = MOVES_PATH + "/{move_id}"
_MOVES = MovePages(MOVES_PATH, tab="calls", back="/staff/calls")
_ASK = "/staff/calls/{call_id}/move/{patient_id}"
_BY_DOCUMENT = "/staff/calls/move"
_SUPERVISOR = frozenset({Role.SUPERVISOR})
_FIELD_MAX = 60
_UNPROCESSABLE = 422


def move_routes() -> list[StaffRoute]:
    """Return the pages to request a move, prove the new phone, and decide."""
    return [
        StaffRoute("GET", _ASK, _form, CALL_CENTRE_ROLES),
        StaffRoute("POST", _ASK, _ask, CALL_CENTRE_ROLES),
        StaffRoute("GET", _BY_DOCUMENT, _document_form, CALL_CENTRE_ROLES),
        StaffRoute("POST", _BY_DOCUMENT, _ask_by_document, CALL_CENTRE_ROLES),
        StaffRoute("GET", MOVES_PATH, _listed, _SUPERVISOR),
        *_MOVES.routes(CALL_CENTRE_ROLES),
        StaffRoute("GET", f"{_MOVE}/decide", _ask_to_decide, _SUPERVISOR),
        StaffRoute("POST", f"{_MOVE}/decide", _decide, _SUPERVISOR),
    ]


async def _form(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    patient_id = read_id(page.request, "patient_id", "not_found")
    card = await card_of(page.services.platform, page.staff, call_id)
    own = [] if card is None else [standing.patient for standing in card.standings]
    patient = next((view for view in own if view.id == patient_id), None)
    if card is None or patient is None:
        raise ProblemError("not_found")
    return page.show(
        "staff/move_ask.html",
        status,
        action=page.path,
        back=f"/staff/calls/{call_id}",
        person_name=panel_of(page, card).shown.name(patient),
        document=panel_of(page, card).shown.document(patient),
        typed=page.form,
        refused=refused,
    )


async def _ask(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    patient_id = read_id(page.request, "patient_id", "not_found")
    outcome = await flows.ask_by_hotline(
        page.services.platform,
        page.staff,
        call_id,
        patient_id,
        page.form.get("phone", "")[:_FIELD_MAX],
        page.form.get("reason", "")[:REASON_MAX],
    )
    match outcome:
        case MovePending():
            return page.redirect(f"{MOVES_PATH}/{outcome.move_id}")
        case Refused(MoveRefusal.UNKNOWN_PERSON):
            raise ProblemError("not_found")
        case Refused(reason):
            if isinstance(reason, MoveRefusal):
                return await _form(page, *page.refusal(outcome))
            return leave(page, call_id, reason)
        case never:
            assert_never(never)


async def _document_form(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    return page.show("staff/move_by_document.html", status, typed=page.form, refused=refused)


async def _ask_by_document(page: StaffPage) -> ASGIApp:
    names = ("name", "id_type", "id_no", "phone")
    typed = {name: page.form.get(name, "")[:_FIELD_MAX] for name in names}
    reason = page.form.get("reason", "")[:REASON_MAX]
    kind = page.form.get("kind", "move")
    if kind not in ("move", "dispute"):
        raise ProblemError("bad_request")
    outcome = await flows.ask_by_document(
        page.services.platform, page.staff, **typed, reason=reason, disputed=kind == "dispute"
    )
    match outcome:
        case MovePending(move_id):
            return page.redirect(f"{MOVES_PATH}/{move_id}")
        case NameFault() as fault:
            return await _document_form(page, name_fault_text(fault, page.language), _UNPROCESSABLE)
        case Refused():
            return await _document_form(page, *page.refusal(outcome))
        case never:
            assert_never(never)


# Supervisors ------------------------------------------------------------------------------


async def _listed(page: StaffPage) -> ASGIApp:
    waiting = await flows.waiting_moves(page.services.platform)
    own = page.staff.id
    return page.show("staff/moves.html", views=[MoveView(page, move) for move in waiting], own=own)


async def _ask_to_decide(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    move_id = read_id(page.request, "move_id", "not_found")
    waiting = await flows.waiting_moves(page.services.platform)
    move = next((move for move in waiting if move.id == move_id), None)
    if move is None:
        page.flash(page.refusal(Refused(MoveRefusal.OVER)).text)
        return page.redirect(MOVES_PATH)
    view = MoveView(page, move)
    return page.show(
        "staff/move_decide.html",
        status,
        view=view,
        is_own=move.staff_id == page.staff.id,
        refused=refused,
        reason=page.form.get("reason", ""),
    )


async def _decide(page: StaffPage) -> ASGIApp:
    move_id = read_id(page.request, "move_id", "not_found")
    decision = page.form.get("decision", "")
    if decision not in ("approve", "reject"):
        raise ProblemError("bad_request")
    reason = page.form.get("reason", "")[:REASON_MAX]
    outcome = await flows.decide_move(
        page.services.platform, page.staff, move_id, reason, approve=decision == "approve"
    )
    match outcome:
        case Moved():
            page.flash(page.say("已批准，就诊人已登记到新号码，两边都会收到通知。"))
        case Done():
            page.flash(page.say("已拒绝，没有改动。"))
        case Refused():
            return await _ask_to_decide(page, *page.refusal(outcome))
        case never:
            assert_never(never)
    return page.redirect(MOVES_PATH)
