"""我的: the account, its patients and their no-shows (S3, S13, S16)."""

from __future__ import annotations

from datetime import date
from typing import assert_never

from litestar.types import ASGIApp

from guahao import security_log
from guahao.flows.attendance.standing import standings
from guahao.flows.people.accounts import AccountView, account
from guahao.flows.people.patients import register_patient
from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault, compact
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.registering import PatientRefusal
from guahao.store.kernel.views import PatientView
from guahao.web.citizens.page import LoginNeededError, Page, Route
from guahao.web.words.replies import Problem

PATIENTS_PATH = "/patients"
PATIENT_FIELDS = ("name", "id_type", "id_no", "birth_date")
# The field at which a refusal is shown; others are shown above the form.
_AT_FIELD: dict[str, str] = {
    PatientRefusal.NAME_INVALID: "name",
    PatientRefusal.OTHER_NAME: "name",
    PatientRefusal.ID_INVALID: "id_no",
    PatientRefusal.COUNTER_ONLY: "id_no",
    PatientRefusal.BIRTH_DATE_INVALID: "birth_date",
    PatientRefusal.CONSENT_REQUIRED: "consent",
    PatientRefusal.GUARDIAN_REQUIRED: "guardian",
}


def account_pages() -> list[Route]:
    """Return the routes of /me, /patients and /patients/new."""
    return [
        Route("GET", "/me", _me),
        Route("GET", PATIENTS_PATH, _patients),
        Route("GET", f"{PATIENTS_PATH}/new", _new_patient),
        Route("POST", f"{PATIENTS_PATH}/new", _add_patient),
    ]


async def _me(page: Page) -> ASGIApp:
    """Show the phone, the patients, the switches and the logout."""
    return page.render("me.html", account=await _own(page))


async def _patients(page: Page) -> ASGIApp:
    """Show the account's patients, with no-shows and suspensions."""
    found = await standings(page.services.platform, page.owner)
    return page.render(
        "patients.html",
        standings=found,
        policy=page.services.platform.policy_today,
        has_room=len(found) < PATIENTS_PER_PHONE,
        most=PATIENTS_PER_PHONE,
    )


async def _new_patient(page: Page) -> ASGIApp:
    """Show the form, filled in after an expired login; no form where the account is full."""
    view = await _own(page)
    typed = {name: page.kept.get(name, "") for name in PATIENT_FIELDS}
    if len(view.patients) >= PATIENTS_PER_PHONE:
        return _patient_form(page, typed, page.problem(PatientRefusal.PHONE_LIMIT))
    return _patient_form(page, typed)


def _patient_form(page: Page, typed: dict[str, str], problem: Problem | None = None) -> ASGIApp:
    at = _AT_FIELD.get(problem.code) if problem else None
    return page.render(
        "patient_new.html",
        problem.status if problem else 200,
        cacheable=problem is None,
        typed=typed,
        notice_version=NOTICE_VERSION,
        problems={at: problem} if at else {},
        form_problem=None if at else problem,
    )


async def _add_patient(page: Page) -> ASGIApp:
    """Register a patient; a form sent twice succeeds, since the patient already exists."""
    typed = {name: page.form.get(name, "") for name in PATIENT_FIELDS}
    wait_seconds = page.services.desk.velocity.registration(
        page.owner, page.services.callers.of(page.request.scope), page.now.timestamp()
    )
    if wait_seconds is not None:
        page.add_header("retry-after", str(wait_seconds))
        code = "too_many_registrations"
        security_log.refused(page.request.scope, code)
        problem = page.services.replies.problem(
            code, page.language, retry_after_seconds=wait_seconds
        )
        return _patient_form(page, typed, problem)
    try:
        outcome = await register_patient(
            page.services.platform,
            page.owner,
            typed["name"],
            typed["id_type"],
            typed["id_no"],
            _born(typed["birth_date"]),
            consent=Consent(page.form.get("consent", ""), "web", page.form.get("guardian") == "on"),
        )
    except LookupError:
        raise LoginNeededError from None
    match outcome:
        case PatientView():
            return page.redirect(page.back(PATIENTS_PATH))
        case NameFault() as fault:
            problem = page.services.replies.name_refused(fault, page.language)
            return _patient_form(page, typed, problem)
        case Refused(reason):
            return _patient_form(page, typed, page.problem(reason))
        case never:
            assert_never(never)


def _born(text: str) -> date | None:
    try:
        return date.fromisoformat(compact(text))
    except ValueError:
        return None


async def _own(page: Page) -> AccountView:
    view = await account(page.services.platform, page.owner)
    if view is None:
        raise LoginNeededError
    return view
