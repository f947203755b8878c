"""My registrations: current and past bookings, and a booking with its code (S9-S14, S16)."""

from __future__ import annotations

from datetime import UTC, time, timedelta
from io import BytesIO
from typing import Any, assert_never
from urllib.parse import quote

import segno
from icalendar import Alarm, Calendar, Event
from litestar.types import ASGIApp

from guahao.flows.attendance.standing import standings
from guahao.flows.booking.appointments import list_appointments, own_appointment
from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.booking.rescheduling import rescheduled_of
from guahao.flows.booking.resending import resend
from guahao.flows.call_centre.call_backs import own_call_back
from guahao.flows.fairness.declining import decline, win_of
from guahao.flows.hall.queues import own_queue
from guahao.flows.hospitals.directory import whereabouts
from guahao.flows.supply import replacing
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.fairness.applying import DECLINED_WITHIN
from guahao.rules.fairness.declining import DeclineRefusal
from guahao.rules.kernel.outcomes import CancelRefusal, Refused
from guahao.rules.supply.releasing import city_time
from guahao.store.hospitals.directory import Whereabouts
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.replacements import OfferView
from guahao.web.citizens.booking.book import CHANNEL
from guahao.web.citizens.booking.call_back import window_text
from guahao.web.citizens.page import Page, Route
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id
from guahao.web.words.replies import Problem
from guahao.web.words.words import named

_UNKNOWN = "unknown_appointment"
_NO_STORE = (b"cache-control", b"no-store")
_REMIND_BEFORE = timedelta(hours=6)  # the evening before: 18:00


def bookings_pages() -> list[Route]:
    """Return the routes of the list, of a booking, its files, cancelling and answering an offer."""
    return [
        Route("GET", "/bookings", _listed),
        Route("GET", "/bookings/{appointment_id}", _one),
        Route("GET", "/bookings/{appointment_id}/code.svg", _qr),
        Route("GET", "/bookings/{appointment_id}/cancel", _ask_to_cancel),
        Route("POST", "/bookings/{appointment_id}/cancel", _cancel),
        Route("GET", "/bookings/{appointment_id}/decline", _ask_to_decline),
        Route("POST", "/bookings/{appointment_id}/decline", _decline),
        Route("POST", "/bookings/{appointment_id}/replacement", _answer_offer),
        Route("POST", "/bookings/{appointment_id}/resend", _resend),
    ]


async def _listed(page: Page) -> ASGIApp:
    platform, owner = page.services.platform, page.owner
    view = "history" if page.query("view") == "history" else "current"
    return page.render(
        "bookings.html",
        view=view,
        booked=page.query("booked"),
        names=page.names,
        bookings=await list_appointments(platform, owner, view),
        offers=await _open_offers(page),
        standings=await standings(platform, owner),
        policy=platform.policy_today,
    )


async def _one(page: Page) -> ASGIApp:
    """Show a booking; with a name that ends in .ics, as a calendar file."""
    name: str = page.request.path_params["appointment_id"]
    booking = await _own(page, name.removesuffix(".ics"))
    if name.endswith(".ics"):
        return _calendar(page, booking)
    return await _detail(page, booking)


async def _detail(page: Page, booking: AppointmentView, problem: Problem | None = None) -> Answer:
    came, policy = page.query("booked"), page.services.platform.policy_today
    platform = page.services.platform
    win = await win_of(platform, booking)
    queue = None
    if booking.status == "picked_up":
        queue = await own_queue(platform, booking.id)
    offers = await _open_offers(page) if booking.status == "stopped" else {}
    replaced, moved_to = await rescheduled_of(platform, page.owner, booking.id)
    where = await whereabouts(platform, booking.session.hospital_id)
    call = await own_call_back(platform, page.owner)
    shown = _shown(page, booking)
    return page.render(
        "booking.html",
        200 if problem is None else problem.status,
        **shown,
        is_over=booking.status == "booked" and page.now >= shown["pickup_until"],
        is_today=booking.session.visit_date == page.today,
        replaced=replaced,
        moved_to=moved_to,
        where=where,
        map_link=None if where is None else _map_link(page, where, booking),
        call=call,
        call_when="" if call is None else window_text(page, call.not_before, call.not_after),
        resent=page.query("resent") == "1",
        new=came == "1",
        already=came == "already",
        win=win,
        queue=queue,
        may_decline=_may_decline(page, booking),
        policy=policy,
        offer=offers.get(booking.id),
        problem=problem,
    )


def _map_link(page: Page, where: Whereabouts, booking: AppointmentView) -> str | None:
    """Return where a map shows the hospital: its position and name, nothing about the patient."""
    if where.latitude is None or where.longitude is None:
        return None
    session = booking.session
    name = named(session.hospital_name, session.hospital_name_en, page.language)
    return page.services.platform.settings.map_link.format(
        latitude=where.latitude, longitude=where.longitude, name=quote(name)
    )


async def _resend(page: Page) -> ASGIApp:
    """Send the SMS with the code again, a few times an hour."""
    booking = await _own(page, page.request.path_params["appointment_id"])
    outcome = await resend(page.services.platform, page.owner, booking.id)
    if isinstance(outcome, Refused):
        return await _detail(page, booking, page.problem(outcome.reason))
    return page.redirect(f"/bookings/{booking.id}?resent=1")


def _may_decline(page: Page, booking: AppointmentView) -> bool:
    return booking.decline_until is not None and page.now < booking.decline_until


async def _open_offers(page: Page) -> dict[int, OfferView]:
    """Return the places that are kept for the account's stopped bookings, by the booking."""
    offers = await replacing.own_offers(page.services.platform, page.owner)
    return {id: offer for id, offer in offers.items() if offer.is_open(page.now)}


async def _own(page: Page, id: str) -> AppointmentView:
    """Return a booking of the logged-in account; all others are unknown."""
    owner = page.owner
    appointment_id = as_id(id)
    if appointment_id is None:
        raise ProblemError(_UNKNOWN)
    found = await own_appointment(page.services.platform, owner, appointment_id)
    if found is None:
        raise ProblemError(_UNKNOWN)
    return found


def _shown(page: Page, booking: AppointmentView) -> dict[str, Any]:
    session = booking.session
    until = booking.cancel_until
    return {
        "names": page.names,
        "booking": booking,
        "session": session,
        "cancel_until": until,
        "may_cancel": booking.status == "booked" and page.now < until,
        "self_service": "patient"
        in page.services.platform.cancelling_policy(booking).cancel_channels,
        "pickup_until": pickup_deadline(session.visit_date, session.period, session.rules),
    }


async def _qr(page: Page) -> ASGIApp:
    """Return the code as a QR image, for the scanner at the window."""
    booking = await _own(page, page.request.path_params["appointment_id"])
    picture = BytesIO()
    # White where the theme is dark: no scanner reads black on black.
    code = segno.make(booking.code, error="m", micro=False)
    code.save(picture, kind="svg", border=4, scale=8, light="white")
    return Answer(200, picture.getvalue(), [(b"content-type", b"image/svg+xml"), _NO_STORE])


async def _ask_to_cancel(page: Page) -> ASGIApp:
    booking = await _own(page, page.request.path_params["appointment_id"])
    return page.render("cancel.html", **_shown(page, booking), problem=None)


async def _cancel(page: Page) -> ASGIApp:
    booking = await _own(page, page.request.path_params["appointment_id"])
    outcome = await cancel(page.services.platform, page.owner, booking.id)
    match outcome:
        case AppointmentView():
            return page.redirect(f"/bookings/{booking.id}")
        case NotCancelled(CancelRefusal.UNKNOWN):
            raise ProblemError(_UNKNOWN)
        case NotCancelled():
            problem = page.services.replies.not_cancelled(outcome, page.language)
            return page.render(
                "cancel.html", problem.status, **_shown(page, booking), problem=problem
            )
        case never:
            assert_never(never)


async def _ask_to_decline(page: Page) -> ASGIApp:
    booking = await _own(page, page.request.path_params["appointment_id"])
    if not _may_decline(page, booking):
        return page.redirect(f"/bookings/{booking.id}")
    return page.render(
        "decline.html",
        **_shown(page, booking),
        policy=page.services.platform.policy_today,
        declined_days=DECLINED_WITHIN.days,
        problem=None,
    )


async def _decline(page: Page) -> ASGIApp:
    """Decline a won place; what is declined already is shown as it is."""
    booking = await _own(page, page.request.path_params["appointment_id"])
    outcome = await decline(page.services.platform, page.owner, booking.id)
    if isinstance(outcome, AppointmentView) or booking.status == "cancelled":
        return page.redirect(f"/bookings/{booking.id}")
    if outcome.reason is DeclineRefusal.UNKNOWN:
        raise ProblemError(_UNKNOWN)
    problem = page.services.replies.decline_refused(outcome, page.language)
    return page.render("decline.html", problem.status, **_shown(page, booking), problem=problem)


async def _answer_offer(page: Page) -> ASGIApp:
    """Accept or decline the place that is kept for a stopped booking."""
    booking = await _own(page, page.request.path_params["appointment_id"])
    platform, answer = page.services.platform, page.form.get("answer", "")
    if answer == "accept":
        accepted = await replacing.accept(platform, page.owner, booking.id, CHANNEL)
        match accepted:
            case AppointmentView(id):
                return page.redirect(f"/bookings/{id}?booked=1")
            case Refused(reason, retry_from, visit_from):
                said = page.problem(reason, retry_from=retry_from, visit_from=visit_from)
                return await _detail(page, booking, said)
            case never:
                assert_never(never)
    if answer == "decline":
        declined = await replacing.decline(platform, page.owner, booking.id)
        if isinstance(declined, Refused):
            return await _detail(page, booking, page.problem(declined.reason))
        return page.redirect(f"/bookings/{booking.id}")
    raise ProblemError("bad_request")


def _calendar(page: Page, booking: AppointmentView) -> Answer:
    """Return a calendar file without code and name, since calendars are often shared."""
    session, language = booking.session, page.language
    hospital = named(session.hospital_name, session.hospital_name_en, language)
    department = named(session.department_name, session.department_name_en, language)
    event = Event()
    event.add("uid", f"{booking.order_no}@guahao")
    event.add("dtstamp", booking.changed_at)
    event.add(
        "summary",
        page.say("就诊：{hospital} {department}", hospital=hospital, department=department),
    )
    event.add("location", f"{hospital} {page.names.place(session)}".strip())
    event.add("description", _description(page, booking))
    event.add("status", "CONFIRMED" if booking.status in ("booked", "picked_up") else "CANCELLED")
    if session.starts_at is None or session.ends_at is None:
        event.add("dtstart", session.visit_date)
    else:
        event.add("dtstart", city_time(session.visit_date, session.starts_at))
        event.add("dtend", city_time(session.visit_date, session.ends_at))
    event.add_component(_alarm(booking, str(event["summary"])))
    calendar = Calendar()
    calendar.add("prodid", "-//guahao//bookings//")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    headers = [
        (b"content-type", b"text/calendar; charset=utf-8"),
        (b"content-disposition", f'attachment; filename="guahao-{booking.id}.ics"'.encode()),
        _NO_STORE,
    ]
    return Answer(200, calendar.to_ical(), headers)


def _description(page: Page, booking: AppointmentView) -> str:
    session = booking.session
    until = pickup_deadline(session.visit_date, session.period, session.rules)
    return page.say(
        "{visit}。请在 {until} 前到{place}取号，带上登记的证件原件、预约短信和识别码。",
        visit=page.visit(session.visit_date, session.period, session.starts_at, session.ends_at),
        until=page.time(until),
        place=page.names.place(session) or page.say("医院窗口"),
    )


def _alarm(booking: AppointmentView, text: str) -> Alarm:
    """Return an alarm for the evening before, in UTC as calendars require."""
    midnight = city_time(booking.session.visit_date, time.min)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", text)
    alarm.add("trigger", (midnight - _REMIND_BEFORE).astimezone(UTC))
    return alarm
