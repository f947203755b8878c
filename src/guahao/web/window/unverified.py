"""What the hospital has not confirmed: who came to sessions whose attendance nobody knows."""

from __future__ import annotations

import re
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.attendance import unverified as flows
from guahao.flows.attendance.unverified import Confirmed
from guahao.rules.attendance.unverified import CONFIRM_DAYS, ConfirmRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.window.window import CLERK

_LIST = "/staff/window/unverified"
_TICKED = re.compile(r"a[0-9]{1,18}")


def unverified_routes() -> list[StaffRoute]:
    """Return the routes of the hospital's list, and one session of it."""
    return [
        StaffRoute("GET", _LIST, _listed, CLERK),
        StaffRoute("GET", f"{_LIST}/{{session_id}}", _show, CLERK),
        StaffRoute("POST", f"{_LIST}/{{session_id}}", _confirm, CLERK),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    sessions = await flows.waiting_sessions(page.services.platform, page.staff)
    return page.show("staff/unverified.html", sessions=sessions, days=CONFIRM_DAYS)


async def _show(page: StaffPage) -> ASGIApp:
    return await _session(page)


async def _session(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    found = await flows.waiting_of(page.services.platform, page.staff, id)
    if found is None:
        raise ProblemError("unknown_session")
    session, entries = found
    return page.show(
        "staff/unverified_session.html",
        status,
        session=session,
        entries=entries,
        ticked=set(page.form),
        reason=page.form.get("reason", ""),
        refused=refused,
        policy=page.services.platform.policy_today,
    )


async def _confirm(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    came = [int(name[1:]) for name in page.form if _TICKED.fullmatch(name)]
    reason = page.form.get("reason", "")
    nobody = "nobody_came" in page.form
    outcome = await flows.confirm(
        page.services.platform, page.staff, id, came, reason, nobody_came=nobody
    )
    match outcome:
        case Refused(ConfirmRefusal.UNKNOWN):
            raise ProblemError("unknown_session")
        case Refused(ConfirmRefusal.REASON_NEEDED | ConfirmRefusal.NOBODY_CAME):
            return await _session(page, *page.refusal(outcome))
        case Refused():
            page.flash(page.refusal(outcome).text)
        case Confirmed(count, no_shows):
            said = page.say(
                "已确认：{came}人已就诊，{no_shows}人记为爽约并收到短信。",
                came=count,
                no_shows=no_shows,
            )
            page.flash(said)
        case never:
            assert_never(never)
    return page.redirect(_LIST)
