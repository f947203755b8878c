"""The waiting hall: boards of called numbers for everybody, and a patient's own place."""

from __future__ import annotations

import hashlib

from litestar.types import ASGIApp

from guahao.flows.booking.appointments import own_appointment
from guahao.flows.hall.queues import Queue, board, boards, own_queue
from guahao.web.citizens.page import Page, Route
from guahao.web.citizens.partial import is_partial
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, header, read_id

_NEXT_SHOWN = 6
_PASSED_SHOWN = 8
_PRIVATE = (b"cache-control", b"private, no-cache")


def hall_pages() -> list[Route]:
    """Return the routes of the boards and of the own place in a queue."""
    return [
        Route("GET", "/hospitals/{hospital_id}/boards", _boards),
        Route("GET", "/departments/{department_id}/board", _board),
        Route("GET", "/bookings/{appointment_id}/queue", _own),
    ]


async def _boards(page: Page) -> ASGIApp:
    """List the boards of a hospital's departments."""
    found = await boards(page.services.platform, read_id(page.request, "hospital_id", "not_found"))
    if found is None:
        raise ProblemError("not_found")
    hospital, departments = found
    return page.render("boards.html", hospital=hospital, departments=departments, names=page.names)


async def _board(page: Page) -> ASGIApp:
    """Show called numbers and rooms for the screen of a waiting hall: no name of anybody."""
    found = await board(page.services.platform, read_id(page.request, "department_id", "not_found"))
    if found is None:
        raise ProblemError("not_found")
    return page.render(
        "board.html",
        board=found,
        queues=[queue for queue in found.queues if _is_shown(queue)],
        names=page.names,
        next_shown=_NEXT_SHOWN,
        passed_shown=_PASSED_SHOWN,
    )


def _is_shown(queue: Queue) -> bool:
    """Return whether somebody may still look for their number."""
    return bool(queue.called or queue.waiting or queue.passed or queue.session.notice) or (
        queue.session.is_stopped and bool(queue.seen)
    )


async def _own(page: Page) -> ASGIApp:
    """Show the own place as a part that renews itself; the booking's page without scripts."""
    owner, platform = page.owner, page.services.platform
    id = as_id(page.request.path_params["appointment_id"])
    booking = None if id is None else await own_appointment(platform, owner, id)
    if booking is None:
        raise ProblemError("unknown_appointment")
    if not is_partial(page):
        return page.redirect(f"/bookings/{booking.id}")
    answer = page.render(
        "queue_part.html",
        booking=booking,
        session=booking.session,
        queue=await own_queue(platform, booking.id),
        names=page.names,
    )
    tag = b'"%s"' % hashlib.sha256(answer.body).hexdigest()[:32].encode()
    kept = [field for field in answer.headers if field[0] != b"cache-control"]
    headers = [*kept, _PRIVATE, (b"etag", tag)]
    if header(page.request.scope, b"if-none-match") == tag:
        return Answer(304, b"", headers)
    return Answer(answer.status, answer.body, headers)
