"""Applications for the caller: register with read-back, list on the card, withdraw."""

from __future__ import annotations

import secrets
from itertools import combinations
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre import caller_applications as flows
from guahao.flows.call_centre import caller_booking
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.people.identity import masked_name
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel.views import PatientView
from guahao.web.call_centre.card import say_refusal
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.applying import (
    FIELDS,
    KEY,
    Terms,
    read_wishes,
    say_application_refusal,
    say_withdrawal,
    show_form,
    terms_of,
)

_CALL = "/staff/calls/{call_id}"
_APPLY = _CALL + "/apply/{department_id}"
_CONFLICT = 409
_UNPROCESSABLE = 422


def apply_routes() -> list[StaffRoute]:
    """Return the pages that apply for a caller and withdraw an application."""
    withdraw = f"{_CALL}/applications/withdraw"
    return [
        StaffRoute("GET", _APPLY, _ask, CALL_CENTRE_ROLES),
        StaffRoute("POST", _APPLY, _apply, CALL_CENTRE_ROLES),
        StaffRoute("POST", withdraw, _withdraw, CALL_CENTRE_ROLES),
    ]


def _choices(patients: list[PatientView]) -> dict[str, tuple[PatientView, ...]]:
    """Return whom an application can be for: each patient, or both for the same session."""
    alone = [(patient,) for patient in patients]
    both = list(combinations(patients, 2))
    return {" ".join(str(patient.id) for patient in group): group for group in [*alone, *both]}


def _named(page: StaffPage, group: tuple[PatientView, ...]) -> str:
    names = [masked_name(patient.name) for patient in group]
    if len(names) == 1:
        return names[0]
    return page.say("{first}和{second}，同一门诊", first=names[0], second=names[1])


async def _ask(page: StaffPage) -> ASGIApp:
    return await _form(page, {})


async def _form(
    page: StaffPage, given: dict[str, str], refused: str = "", status: int = 200, key: str = ""
) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    terms = await terms_of(page, read_id(page.request, "department_id", "not_found"))
    patients = await caller_booking.patients_of_call(page.services.platform, page.staff, call_id)
    if isinstance(patients, Refused):
        return _not_in_call(page, patients.reason)
    return _show(page, terms, _choices(patients), given, key=key, refused=refused, status=status)


def _show(
    page: StaffPage,
    terms: Terms,
    choices: dict[str, tuple[PatientView, ...]],
    given: dict[str, str],
    *,
    key: str = "",
    read_back: bool = False,
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    group = choices.get(given.get("patients", ""))
    call_id = page.request.path_params["call_id"]
    return show_form(
        page,
        terms,
        given,
        tab="calls",
        back=f"/staff/calls/{call_id}",
        hidden={"key": key or secrets.token_urlsafe(16)},
        patients=[(ids, _named(page, of)) for ids, of in choices.items()],
        for_whom="" if group is None else _named(page, group),
        wishes=read_wishes(given) if read_back else None,
        refused=refused,
        status=status,
    )


def _not_in_call(page: StaffPage, refusal: CallRefusal) -> ASGIApp:
    """Redirect to the call if it is still open, otherwise to the search."""
    page.flash(say_refusal(page, refusal))
    goes_on = refusal is CallRefusal.NOT_VERIFIED
    return page.redirect(
        f"/staff/calls/{page.request.path_params['call_id']}" if goes_on else "/staff/calls"
    )


async def _apply(page: StaffPage) -> ASGIApp:
    """Show what is read back to the caller; register the application when it is sent again."""
    call_id = read_id(page.request, "call_id", "not_found")
    department_id = read_id(page.request, "department_id", "not_found")
    given = {name: page.form.get(name, "") for name in FIELDS}
    key = page.form.get("key", "")
    if not KEY.fullmatch(key):
        raise ProblemError("bad_request")
    terms = await terms_of(page, department_id)
    platform = page.services.platform
    patients = await caller_booking.patients_of_call(platform, page.staff, call_id)
    if isinstance(patients, Refused):
        return _not_in_call(page, patients.reason)
    choices = _choices(patients)
    group, wishes = choices.get(given["patients"]), read_wishes(given)
    if group is None or wishes is None:
        refused = (
            say_refusal(page, CallRefusal.UNKNOWN_PATIENT)
            if group is None
            else page.say("请填写从哪天到哪天，先后不要颠倒。")
        )
        return _show(page, terms, choices, given, key=key, refused=refused, status=_UNPROCESSABLE)
    if page.form.get("step") != "save":
        return _show(page, terms, choices, given, key=key, read_back=True)
    ids = tuple(patient.id for patient in group)
    outcome = await flows.apply_for_caller(
        platform, page.staff, call_id, key, ids, department_id, wishes
    )
    match outcome:
        case ApplicationView():
            page.flash(page.say("已登记。抽中会通知来电人；没有抽中，登记到最后一天为止。"))
            return page.redirect(f"/staff/calls/{call_id}")
        case KeyMismatch():
            refused = page.problem("idempotency_mismatch").detail
            return _show(page, terms, choices, given, refused=refused, status=_CONFLICT)
        case Refused(reason):
            if isinstance(reason, CallRefusal):
                return _not_in_call(page, reason)
            refused = say_application_refusal(page, reason, outcome)
            return _show(page, terms, choices, given, refused=refused, status=_CONFLICT)
        case never:
            assert_never(never)


async def _withdraw(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = as_id(page.form.get("application", "")) or 0
    reason = confirmed(
        page,
        Act(
            page.say("撤回来电人的候补登记？"),
            [
                page.say("撤回后不再参加抽签，已参加的次数不保留。"),
                page.say("以后要约，可以重新登记。"),
            ],
            page.say("撤回登记"),
            f"/staff/calls/{call_id}",
            "calls",
        ),
    )
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw_for_caller(
        page.services.platform, page.staff, call_id, id, reason
    )
    match outcome:
        case ApplicationView():
            page.flash(page.say("已撤回登记。"))
        case Refused(why):
            if isinstance(why, CallRefusal):
                return _not_in_call(page, why)
            page.flash(say_withdrawal(page, why))
        case never:
            assert_never(never)
    return page.redirect(f"/staff/calls/{call_id}")
