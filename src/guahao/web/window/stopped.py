"""Stopped clinics: whom a stop hits, and who is to be called because no message arrived."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.attendance import stopped as flows
from guahao.rules.attendance.stopped import Reach
from guahao.store.attendance.stopped import StoppedEntry
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_number
from guahao.web.window.window import CLERK

_LIST = "/staff/window/stops"
_PAGES_MAX = 1000


def stopped_routes() -> list[StaffRoute]:
    """Return the list of stops, and the patients of each."""
    return [
        StaffRoute("GET", _LIST, _latest, CLERK),
        StaffRoute("GET", _LIST + "/{stop_id}", _patients, CLERK),
    ]


async def _latest(page: StaffPage) -> ASGIApp:
    before = read_number(page.query("before"))
    stops, following = await flows.latest(
        page.services.platform, page.staff, before if before > 0 else None
    )
    return page.show("staff/window_stops.html", stops=stops, following=following)


async def _patients(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "stop_id", "not_found")
    prints = page.query("all") == "yes"
    number = min(max(read_number(page.query("page")), 1), _PAGES_MAX)
    found = await flows.patients(page.services.platform, page.staff, id, None if prints else number)
    if found is None:
        raise ProblemError("not_found")
    last = found.first + len(found.entries)
    return page.show(
        "staff/window_stopped.html",
        found=found,
        prints=prints,
        last=last,
        number=found.first // flows.ENTRIES_A_PAGE + 1,
        news=lambda entry: _reach_text(page, entry),
        booking=lambda entry: _booking_text(page, entry),
    )


def _reach_text(page: StaffPage, entry: StoppedEntry) -> str:
    """Return whether the patient knows, and why not."""
    reach, facts = entry.reach, entry.facts
    if reach is Reach.UNREACHED:
        if facts.call == "given_up":
            return page.say("客服多次致电，无人接听")
        if facts.call == "wrong_number":
            return page.say("登记的号码有误")
        return page.say("没有登记电话") if facts.message is None else page.say("未送达")
    return {
        Reach.TO_CALL: page.say("未送达，客服待致电"),
        Reach.ON_THE_WAY: page.say("发送中"),
        Reach.WAITING: page.say("待通知"),
        Reach.DELIVERED: page.say("已送达"),
        Reach.CALLED: page.say("客服已致电"),
        Reach.ANSWERED: page.say("患者已答复"),
        Reach.RESTORED: page.say("无需通知"),
    }[reach]


def _booking_text(page: StaffPage, entry: StoppedEntry) -> str:
    """Return what became of the booking."""
    facts = entry.facts
    offers = {
        "open": page.say("已留号，等待答复"),
        "accepted": page.say("已接受留号"),
        "declined": page.say("已谢绝留号"),
        "lapsed": page.say("留号已到期"),
    }
    if facts.is_restored:
        return page.say("已恢复")
    if facts.offer in offers:
        return offers[facts.offer]
    if facts.status == "booked":
        return page.say("换医生，照常就诊")
    return page.names.status(facts.status)
