"""Removing a patient from the account, by its owner, after a question."""

from __future__ import annotations

from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.people.accounts import account
from guahao.flows.people.removing import remove_patient
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.removing import RemoveRefusal
from guahao.store.kernel.views import PatientView
from guahao.web.citizens.page import LoginNeededError, Page, Route
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.words.replies import Problem

_REMOVE = "/patients/{patient_id}/remove"


def removing_pages() -> list[Route]:
    """Return the routes of /patients/…/remove."""
    return [Route("GET", _REMOVE, _ask), Route("POST", _REMOVE, _remove)]


async def _ask(page: Page, problem: Problem | None = None) -> ASGIApp:
    patient_id = read_id(page.request, "patient_id", RemoveRefusal.NOT_YOURS)
    view = await account(page.services.platform, page.owner)
    if view is None:
        raise LoginNeededError
    patient = next((own for own in view.patients if own.id == patient_id), None)
    if patient is None:
        raise ProblemError(RemoveRefusal.NOT_YOURS)
    return page.render(
        "patient_remove.html",
        problem.status if problem else 200,
        patient=patient,
        problem=problem,
    )


async def _remove(page: Page) -> ASGIApp:
    patient_id = read_id(page.request, "patient_id", RemoveRefusal.NOT_YOURS)
    outcome = await remove_patient(page.services.platform, page.owner, patient_id)
    match outcome:
        # Not the account's: the same form once more, whose patient is gone already.
        case PatientView() | Refused(RemoveRefusal.NOT_YOURS):
            return page.redirect("/patients")
        case Refused(reason):
            return await _ask(page, page.problem(reason))
        case never:
            assert_never(never)
