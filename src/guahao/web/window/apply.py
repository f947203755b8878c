"""Applications for a person at the window, whose document the clerk has in hand."""

from __future__ import annotations

import secrets
from functools import partial
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.people import counter_applications as flows
from guahao.rules.fairness.applying import ApplicationRefusal, WithdrawRefusal
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.people.identity import masked_name
from guahao.store.fairness.applications import ApplicationView
from guahao.web.framework.application_words import application_state_text, wishes_text
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id
from guahao.web.staff import Sending, StaffPage, StaffRoute, confirmed
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
from guahao.web.window.persons import PERSONS_PATH, person_of, refused_person
from guahao.web.window.window import CLERK

_APPLICATIONS = f"{PERSONS_PATH}/applications"
_APPLY = f"{PERSONS_PATH}/apply"
_CONFLICT = 409
_UNPROCESSABLE = 422


def apply_routes() -> list[StaffRoute]:
    """Return the routes of a person's applications at this hospital."""
    return [
        StaffRoute("POST", _APPLICATIONS, _list, CLERK, sending=Sending.FREELY),
        StaffRoute("POST", _APPLY, _apply, CLERK),
        StaffRoute("POST", f"{_APPLICATIONS}/withdraw", _withdraw, CLERK),
    ]


async def _list(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(page: StaffPage, said: str = "", refused: str = "", status: int = 200) -> ASGIApp:
    sealed, platform = person_of(page), page.services.platform
    found = await flows.applications_at_window(platform, page.staff, sealed)
    if isinstance(found, Refused):
        return await refused_person(page, found)
    return page.show(
        "staff/window_applications.html",
        status,
        applications=found,
        departments=await flows.departments_at_window(platform, page.staff),
        sealed=sealed,
        base=_APPLICATIONS,
        apply=_APPLY,
        back=PERSONS_PATH,
        wishes=partial(wishes_text, page),
        states=partial(application_state_text, page),
        said=said,
        refused=refused,
    )


async def _apply(page: StaffPage) -> ASGIApp:
    """Show the form of a department, or what the form sent asks for."""
    platform, sealed = page.services.platform, person_of(page)
    department_id = as_id(page.form.get("department", "")) or 0
    name = await flows.name_at_window(platform, page.staff, sealed)
    if isinstance(name, Refused):
        return await refused_person(page, name)
    offered = {d.id for d in await flows.departments_at_window(platform, page.staff)}
    if department_id not in offered:
        return await _listed(page, refused=page.say("请选择科室。"), status=_UNPROCESSABLE)
    terms = await terms_of(page, department_id)
    return await _sent(page, terms, sealed, name)


async def _sent(page: StaffPage, terms: Terms, sealed: str, name: str) -> ASGIApp:
    """Read the application back to the person first; register it when it is sent again."""
    platform, department_id = page.services.platform, terms.department.id
    given = {field: page.form.get(field, "") for field in FIELDS}
    key = page.form.get("key", "")
    show = partial(_show, page, terms, given, sealed, name)
    if not key:
        return show()
    if not KEY.fullmatch(key):
        raise ProblemError("bad_request")
    wishes = read_wishes(given)
    if wishes is None:
        return show(key=key, refused=dates_wrong_text(page), status=_UNPROCESSABLE)
    if page.form.get("step") != "save":
        return show(key=key, read_back=True)
    outcome = await flows.apply_at_window(platform, page.staff, sealed, key, department_id, wishes)
    match outcome:
        case ApplicationView():
            return await _listed(page, page.say("已登记。抽中会通知患者；也可来窗口查询。"))
        case KeyMismatch():
            return show(refused=page.problem("idempotency_mismatch").detail, status=_CONFLICT)
        case Refused(reason):
            if isinstance(reason, ApplicationRefusal):
                refused, status = page.refusal(outcome)
                return show(refused=refused, status=status)
            return await refused_person(page, outcome)
        case never:
            assert_never(never)


def _show(
    page: StaffPage,
    terms: Terms,
    given: dict[str, str],
    sealed: str,
    name: str,
    *,
    key: str = "",
    read_back: bool = False,
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    return show_form(
        page,
        terms,
        given,
        tab="persons",
        back=PERSONS_PATH,
        hidden={
            "key": key or secrets.token_urlsafe(16),
            "person": sealed,
            "department": str(terms.department.id),
        },
        for_whom=masked_name(name),
        wishes=read_wishes(given) if read_back else None,
        refused=refused,
        status=status,
    )


async def _withdraw(page: StaffPage) -> ASGIApp:
    id = as_id(page.form.get("application", "")) or 0
    act = withdrawal(page, page.say("撤回患者的候补登记？"), PERSONS_PATH, "persons")
    reason = confirmed(page, act)
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw_at_window(
        page.services.platform, page.staff, person_of(page), id, reason
    )
    match outcome:
        case ApplicationView():
            return await _listed(page, page.say("已撤回登记。"))
        case Refused(why):
            if isinstance(why, WithdrawRefusal):
                refused, status = page.refusal(outcome)
                return await _listed(page, refused=refused, status=status)
            return await refused_person(page, outcome)
        case never:
            assert_never(never)
