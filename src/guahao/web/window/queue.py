"""Calling numbers at the doctor's door: the day's queues, a session's queue, the printed slip."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.attendance import window
from guahao.flows.hall import queues as flows
from guahao.flows.hall.queues import ROOM_MAX
from guahao.rules.hall.calling import BEHIND, BEHIND_MAX, QueueAct, QueueCallRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import typed
from guahao.store.hall.queues import QueueNotice
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.window.window import CLERK

_QUEUES = "/staff/window/queues"
_ONE = f"{_QUEUES}/{{session_id}}"
_UNKNOWN = "unknown_session"
_DELAYS = (10, 20, 30, 45, 60, 90)  # minutes
_KINDS = ("delayed", "paused", "moved")


def queue_routes() -> list[StaffRoute]:
    """Return the routes of today's queues, of a session's calls and notice, of a number's slip."""
    return [
        StaffRoute("GET", _QUEUES, _listed, CLERK),
        StaffRoute("GET", _ONE, _show, CLERK),
        StaffRoute("POST", f"{_ONE}/next", _next, CLERK),
        StaffRoute("POST", f"{_ONE}/act", _act, CLERK),
        StaffRoute("POST", f"{_ONE}/notice", _announce, CLERK),
        StaffRoute("GET", "/staff/window/slips/{appointment_id}", _slip, CLERK),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    found = await flows.queues_of_day(page.services.platform, page.staff)
    return page.show(
        "staff/window_queues.html", queues=found, hospital_id=page.staff.own_hospital_id
    )


async def _show(page: StaffPage) -> ASGIApp:
    return await _shown(page, _session_id(page))


async def _shown(page: StaffPage, id: int, refused: str = "", status: int = 200) -> ASGIApp:
    queue = await flows.queue(page.services.platform, page.staff, id)
    if queue is None:
        raise ProblemError(_UNKNOWN)
    return page.show(
        "staff/window_queue.html",
        status,
        queue=queue,
        session=queue.session,
        path=f"{_QUEUES}/{id}",
        room=page.form.get("room", "") or page.query("room")[:ROOM_MAX],
        room_max=ROOM_MAX,
        behind=BEHIND,
        behind_max=BEHIND_MAX,
        delays=_DELAYS,
        refused=refused,
    )


def _session_id(page: StaffPage) -> int:
    return read_id(page.request, "session_id", _UNKNOWN)


def _path(page: StaffPage, id: int) -> str:
    """Return the queue's page, which remembers the room by its address."""
    room = typed(page.form.get("room", ""))[:ROOM_MAX]
    return f"{_QUEUES}/{id}?{urlencode({'room': room})}" if room else f"{_QUEUES}/{id}"


async def _next(page: StaffPage) -> ASGIApp:
    id = _session_id(page)
    number = await flows.call_next(
        page.services.platform, page.staff, id, page.form.get("room", "")
    )
    if isinstance(number, Refused):
        return await _refused(page, id, number)
    page.flash(page.say("已叫{number}号。", number=number))
    return page.redirect(_path(page, id))


async def _act(page: StaffPage) -> ASGIApp:
    id, appointment_id = _session_id(page), as_id(page.form.get("appointment", ""))
    act, behind = page.form.get("act", ""), as_id(page.form.get("behind", "")) or BEHIND
    if appointment_id is None or act not in set(QueueAct):
        known = await flows.queue(page.services.platform, page.staff, id)
        raise ProblemError(_UNKNOWN if known is None else "bad_request")
    outcome = await flows.call(
        page.services.platform, page.staff, id, appointment_id, QueueAct(act), behind
    )
    if isinstance(outcome, Refused):
        return await _refused(page, id, outcome)
    return page.redirect(_path(page, id))


async def _announce(page: StaffPage) -> ASGIApp:
    id, kind = _session_id(page), page.form.get("kind", "")
    room = typed(page.form.get("room", ""))[:ROOM_MAX]
    minutes = as_id(page.form.get("minutes", ""))
    notice = None
    if kind in _KINDS:
        notice = QueueNotice(
            kind,
            minutes if kind == "delayed" and minutes in _DELAYS else None,
            room if kind == "moved" else "",
        )
    elif kind:
        raise ProblemError("bad_request")
    if kind == "moved" and not room:
        return await _shown(page, id, page.say("请填写新的诊室。"), 422)
    outcome = await flows.announce(page.services.platform, page.staff, id, notice)
    if isinstance(outcome, Refused):
        return await _refused(page, id, outcome)
    page.flash(page.say("候诊屏已更新。") if notice else page.say("候诊屏的通知已撤下。"))
    return page.redirect(f"{_QUEUES}/{id}")


async def _refused(page: StaffPage, id: int, refused: Refused[QueueCallRefusal]) -> ASGIApp:
    if refused.reason is QueueCallRefusal.UNKNOWN and page.form.get("appointment") is None:
        raise ProblemError(_UNKNOWN)
    return await _shown(page, id, *page.refusal(refused))


async def _slip(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "appointment_id", "unknown_appointment")
    platform = page.services.platform
    entry = await window.one_entry(platform, page.staff, id)
    if entry is None or entry.status != "picked_up":
        raise ProblemError("unknown_appointment")
    place = (await flows.own_places(platform, [id])).get(id)
    if place is None:
        raise ProblemError("unknown_appointment")
    return page.show("staff/window_slip.html", entry=entry, place=place)
