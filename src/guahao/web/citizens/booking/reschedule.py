"""Move a booking to another session of its department (改约), where the operator allows it."""

from __future__ import annotations

import re
import secrets
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.appointments import own_appointment
from guahao.flows.booking.desk import Busy, NotBooked, NotDecided, OutcomeUnknown, TooFast
from guahao.flows.booking.rescheduling import Rescheduled, RescheduleRequest, places_instead
from guahao.rules.booking.rescheduling import NotRescheduled, RescheduleRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.people.logins import AccountLoginRefusal, LoginRefused
from guahao.store.kernel.views import AppointmentView
from guahao.web.citizens.booking.book import CHANNEL
from guahao.web.citizens.page import ConfirmNeededError, LoginNeededError, Page, Route
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_date, as_id, read_id
from guahao.web.words.replies import Problem

_PATH = "/bookings/{appointment_id}/reschedule"
_UNKNOWN = "unknown_appointment"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_UNAVAILABLE = 503


def reschedule_pages() -> list[Route]:
    """Return GET and POST /bookings/{id}/reschedule."""
    return [Route("GET", _PATH, _ask), Route("POST", _PATH, _reschedule, asks_desk=True)]


async def _ask(page: Page) -> ASGIApp:
    return await _form(page, await _own(page))


async def _own(page: Page) -> AppointmentView:
    owner = page.owner
    id = read_id(page.request, "appointment_id", _UNKNOWN)
    found = await own_appointment(page.services.platform, owner, id)
    if found is None:
        raise ProblemError(_UNKNOWN)
    return found


async def _form(
    page: Page, booking: AppointmentView, problem: Problem | None = None, key: str = ""
) -> Answer:
    """Show the days that may be chosen, or how else the booking can be moved.

    `key`: of a form whose outcome is open. A booking that was moved is shown where it is now.
    """
    first = as_date(page.query("from"))
    places = await places_instead(page.services.platform, page.owner, booking.id, "patient", first)
    if isinstance(places, NotRescheduled):
        if places.reason is RescheduleRefusal.NOT_LIVE:
            return page.redirect(f"/bookings/{booking.id}")
        problem = problem or page.services.replies.stands(places, page.language)
    return page.render(
        "reschedule.html",
        200 if problem is None else problem.status,
        booking=booking,
        session=booking.session,
        names=page.names,
        places=None if isinstance(places, NotRescheduled) else places,
        may_call=page.now < booking.cancel_until,
        problem=problem,
        chosen=as_id(page.kept.get("session_id", "") or page.form.get("session_id", "")),
        key=key or secrets.token_urlsafe(16),
    )


async def _reschedule(page: Page) -> ASGIApp:
    """Move the booking; the same form sent twice moves it once."""
    claims = page.claims
    if claims is None:
        raise LoginNeededError
    id = read_id(page.request, "appointment_id", _UNKNOWN)
    session_id, nonce = as_id(page.form.get("session_id", "")), page.form.get("key", "")
    if session_id is None or not _KEY.fullmatch(nonce):
        return await _form_again(page, page.problem("reschedule_unchosen"))
    services = page.services
    answer = await services.desk.reschedule(
        RescheduleRequest(
            Actor("account", claims.account_id),
            nonce,
            claims.account_id,
            id,
            session_id,
            CHANNEL,
            claims.login_id,
        ),
        services.callers.of(page.request.scope),
    )
    match answer:
        case Rescheduled(booking):
            return page.redirect(f"/bookings/{booking.id}?booked=1")
        case LoginRefused(reason):
            is_over = reason is AccountLoginRefusal.ENDED
            raise LoginNeededError if is_over else ConfirmNeededError
        case NotRescheduled():
            return await _form_again(page, services.replies.stands(answer, page.language))
        case KeyMismatch():
            await page.identify()
            return page.redirect(page.path)  # the form was for another session
        case Refused(reason, retry_from, visit_from):
            problem = page.problem(reason, retry_from=retry_from, visit_from=visit_from)
            return await _form_again(page, problem)
        case NotBooked() | Busy() | TooFast() | OutcomeUnknown():
            return await _undecided(page, answer, nonce)
        case never:
            assert_never(never)


async def _form_again(page: Page, problem: Problem, key: str = "") -> Answer:
    """Show the form after it was sent, when the log-in has not been read yet."""
    await page.identify()
    return await _form(page, await _own(page), problem, key)


async def _undecided(page: Page, answer: NotDecided, nonce: str) -> Answer:
    """Show the form again under its key: sent again, it finds the outcome."""
    page.add_header("retry-after", str(answer.retry_after_seconds))
    match answer:
        case TooFast(seconds):
            problem = page.problem(answer.code, retry_after_seconds=seconds)
        case Busy() | NotBooked() | OutcomeUnknown():
            problem = page.problem("reschedule_undecided")
        case never:
            assert_never(never)
    return await _form_again(page, problem, nonce)
