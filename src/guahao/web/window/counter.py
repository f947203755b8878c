"""The counter list of a visit day, on the screen and on paper, and the places given from it."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.fairness import counter as flows
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.web.http.reading import ProblemError, as_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date
from guahao.web.window.window import CLERK

PATH = "/staff/window/counter"


def counter_routes() -> list[StaffRoute]:
    """Return the routes of the counter list, of giving a place, and of undoing that."""
    return [
        StaffRoute("GET", PATH, _show, CLERK),
        StaffRoute("POST", f"{PATH}/give", _give, CLERK),
        StaffRoute("POST", f"{PATH}/undo", _undo, CLERK),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    """Show today's list, or tomorrow's, which is complete from the last draw on."""
    days = [page.today, page.today + ONE_DAY]
    asked = read_date(page.query("date"))
    day = asked if asked in days else page.today
    found = await flows.counter_list(page.services.platform, page.staff, day)
    return page.show(
        "staff/window_counter.html",
        day=day,
        days=days,
        places=found,
        left=sum(session.left for session in found),
        given=sum(session.given for session in found),
    )


async def _give(page: StaffPage) -> ASGIApp:
    """Give a place of today to somebody who came."""
    session_id = as_id(page.form.get("session_id", ""))
    if session_id is None:
        raise ProblemError("unknown_session")
    left = await flows.give_place(page.services.platform, page.staff, session_id)
    if isinstance(left, Refused):
        page.flash(page.refusal(left).text)
    else:
        page.flash(page.say("已给出1个号，这个门诊还剩{left}个。", left=left))
    return page.redirect(PATH)


async def _undo(page: StaffPage) -> ASGIApp:
    """Take back that a place was given."""
    given_id = as_id(page.form.get("given_id", ""))
    if given_id is None:
        raise ProblemError("unknown_session")
    left = await flows.undo_giving(page.services.platform, page.staff, given_id)
    if isinstance(left, Refused):
        page.flash(page.refusal(left).text)
    else:
        page.flash(page.say("已撤销，这个门诊还剩{left}个号。", left=left))
    return page.redirect(PATH)
