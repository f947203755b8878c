"""Ask to be called back (请回电): about a booking, or for help with anything."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.booking.appointments import own_appointment
from guahao.flows.call_centre.call_backs import (
    ask_call_back,
    call_windows,
    own_call_back,
    withdraw_call_back,
)
from guahao.rules.call_centre.call_backs import CallsTooLate, Topic
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refused
from guahao.store.call_centre.call_backs import CallBack
from guahao.store.kernel.views import AppointmentView
from guahao.web.citizens.page import Page, Route
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.words.replies import Problem

_UNKNOWN = "unknown_appointment"


def call_back_pages() -> list[Route]:
    """Return the pages that ask for a call, about a booking or about none, and withdraw it."""
    return [
        Route("GET", "/call-back", _show),
        Route("POST", "/call-back", _ask),
        Route("POST", "/call-back/withdraw", _withdraw),
        Route("GET", "/bookings/{appointment_id}/call-back", _show),
        Route("POST", "/bookings/{appointment_id}/call-back", _ask),
    ]


async def _show(page: Page) -> ASGIApp:
    return await _form(page, await _booking(page))


async def _booking(page: Page) -> AppointmentView | None:
    """Return the account's booking in the path; None where the page is about none."""
    owner = page.owner
    if "appointment_id" not in page.request.path_params:
        return None
    id = read_id(page.request, "appointment_id", _UNKNOWN)
    found = await own_appointment(page.services.platform, owner, id)
    if found is None:
        raise ProblemError(_UNKNOWN)
    return found


async def _form(
    page: Page, booking: AppointmentView | None, problem: Problem | None = None
) -> Answer:
    platform = page.services.platform
    waiting = await own_call_back(platform, page.owner)
    windows = await call_windows(platform, page.owner, None if booking is None else booking.id)
    topics = [Topic.HELP] if booking is None else [topic for topic in Topic if windows[topic]]
    asked = page.form.get("topic", "") or page.query("topic")
    return page.render(
        "call_back.html",
        200 if problem is None else problem.status,
        booking=booking,
        names=page.names,
        waiting=waiting,
        waiting_when=""
        if waiting is None
        else window_text(page, waiting.not_before, waiting.not_after),
        topics=topics,
        chosen=asked if asked in topics else topics[0],
        windows=windows[Topic.HELP],
        too_late=[topic for topic in Topic if booking is not None and not windows[topic]],
        problem=problem,
        window_text=lambda window: window_text(page, window.starts_at, window.ends_at),
    )


async def _ask(page: Page) -> ASGIApp:
    booking = await _booking(page)
    starts_at = _moment(page.form.get("window", ""))
    try:
        topic = Topic(page.form.get("topic", ""))
    except ValueError:
        topic = None
    if topic is None or starts_at is None:
        return await _form(page, booking, page.problem("call_back_unchosen"))
    answer = await ask_call_back(
        page.services.platform,
        page.owner,
        topic,
        starts_at,
        None if booking is None else booking.id,
    )
    match answer:
        case CallBack():
            return page.redirect("/call-back" if booking is None else f"/bookings/{booking.id}")
        case CallsTooLate(deadline=deadline):
            return await _form(page, booking, page.problem(answer.reason, deadline=deadline))
        case Refused(reason):
            return await _form(page, booking, page.problem(reason))
        case never:
            assert_never(never)


async def _withdraw(page: Page) -> ASGIApp:
    """Withdraw the call; what is over already is shown as it is."""
    owner = page.owner
    id = as_id(page.form.get("call_back", ""))
    if id is None:
        raise ProblemError("bad_request")
    await withdraw_call_back(page.services.platform, owner, id)
    booking_id = as_id(page.form.get("booking", ""))
    return page.redirect("/call-back" if booking_id is None else f"/bookings/{booking_id}")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def window_text(page: Page, starts_at: datetime, ends_at: datetime) -> str:
    """Write 12月1日 周二 08:00–12:00 or Tue 1 Dec, 08:00–12:00."""
    end = ends_at.astimezone(CITY_TIME)
    return f"{page.time(starts_at.astimezone(CITY_TIME))}–{end:%H:%M}"
