"""Applications for the caller: register with read-back, list on the card, withdraw."""

from __future__ import annotations

import secrets
from functools import partial
from itertools import combinations
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.call_centre import caller_applications as flows
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel.views import PatientView
from guahao.web.call_centre.panel import CallerPanel, leave, verified_caller
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute, confirmed
from guahao.web.staff.applying import (
    FIELDS,
    KEY,
    Terms,
    dates_wrong_text,
    read_wishes,
    show_form,
    terms_of,
    withdrawal,
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
    names = [patient.name for patient in group]
    if len(names) == 1:
        return names[0]
    return page.say("{first}和{second}，同一门诊", first=names[0], second=names[1])


async def _ask(page: StaffPage) -> ASGIApp:
    terms = await terms_of(page, read_id(page.request, "department_id", "not_found"))
    caller = await verified_caller(page)
    return caller if isinstance(caller, Answer) else _show(page, terms, caller, {})


def _show(
    page: StaffPage,
    terms: Terms,
    caller: CallerPanel,
    given: dict[str, str],
    *,
    key: str = "",
    read_back: bool = False,
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    choices = _choices(caller.patients)
    group = choices.get(given.get("patients", ""))
    return show_form(
        page,
        terms,
        given,
        tab="calls",
        back=caller.base,
        hidden={"key": key or secrets.token_urlsafe(16)},
        patients=[(ids, _named(page, of)) for ids, of in choices.items()],
        for_whom="" if group is None else _named(page, group),
        wishes=read_wishes(given) if read_back else None,
        refused=refused,
        status=status,
        caller=caller,
    )


async def _apply(page: StaffPage) -> ASGIApp:
    """Show what is read back to the caller; register the application when it is sent again."""
    department_id = read_id(page.request, "department_id", "not_found")
    given = {name: page.form.get(name, "") for name in FIELDS}
    key = page.form.get("key", "")
    if not KEY.fullmatch(key):
        raise ProblemError("bad_request")
    terms = await terms_of(page, department_id)
    caller = await verified_caller(page)
    if isinstance(caller, Answer):
        return caller
    show = partial(_show, page, terms, caller, given)
    group, wishes = _choices(caller.patients).get(given["patients"]), read_wishes(given)
    if group is None:
        said = page.refusal(Refused(CallRefusal.UNKNOWN_PATIENT))
        return show(key=key, refused=said.text, status=said.status)
    if wishes is None:
        return show(key=key, refused=dates_wrong_text(page), status=_UNPROCESSABLE)
    if page.form.get("step") != "save":
        return show(key=key, read_back=True)
    ids = tuple(patient.id for patient in group)
    outcome = await flows.apply_for_caller(
        page.services.platform, page.staff, caller.call_id, key, ids, department_id, wishes
    )
    match outcome:
        case ApplicationView():
            page.flash(page.say("已登记。抽中会通知来电人；没有抽中，登记到最后一天为止。"))
            return page.redirect(caller.base)
        case KeyMismatch():
            return show(refused=page.problem("idempotency_mismatch").detail, status=_CONFLICT)
        case Refused(reason):
            if isinstance(reason, CallRefusal):
                return leave(page, caller.call_id, reason)
            refused, status = page.refusal(outcome)
            return show(refused=refused, status=status)
        case never:
            assert_never(never)


async def _withdraw(page: StaffPage) -> ASGIApp:
    call_id = read_id(page.request, "call_id", "not_found")
    id = as_id(page.form.get("application", "")) or 0
    base = f"/staff/calls/{call_id}"
    act = withdrawal(page, page.say("撤回来电人的候补登记？"), base, "calls")
    reason = confirmed(page, act)
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
                return leave(page, call_id, why)
            page.flash(page.refusal(outcome).text)
        case never:
            assert_never(never)
    return page.redirect(base)
