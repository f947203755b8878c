"""The day's list: who is expected, on the screen and on paper; closing a session."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.attendance import window as flows
from guahao.rules.attendance.window import PAPER_DAYS, WindowRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.store.attendance.window import DayEntry
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import Act, Sending, StaffPage, StaffRoute, confirmed
from guahao.web.window.window import CLERK

_TODAY = "/staff/window/today"
_ENTRIES_MAX = 500
_TICKED = re.compile(r"a[0-9]{1,18}")
_DAYS_AHEAD = 7  # a list is printed the evening before, or before a weekend


def list_routes() -> list[StaffRoute]:
    """Return the routes of the list of a day, a session of it, and the sheet for the printer."""
    return [
        StaffRoute("GET", _TODAY, _today, CLERK),
        StaffRoute("POST", "/staff/window/find", _find, CLERK, sending=Sending.FREELY),
        StaffRoute("GET", "/staff/window/print", _print, CLERK),
        StaffRoute("GET", "/staff/window/sessions/{session_id}", _session, CLERK),
        StaffRoute("POST", "/staff/window/sessions/{session_id}", _enter, CLERK),
        StaffRoute("POST", "/staff/window/sessions/{session_id}/close", _close, CLERK),
    ]


def _day(page: StaffPage) -> date:
    """Return the day asked for; today where none is, or where it is too far away."""
    try:
        asked = date.fromisoformat(page.query("date"))
    except ValueError:
        return page.today
    near = -PAPER_DAYS <= (asked - page.today).days <= _DAYS_AHEAD
    return asked if near else page.today


async def _today(page: StaffPage) -> ASGIApp:
    return await _listed(page, None)


async def _find(page: StaffPage) -> ASGIApp:
    """Find today's bookings of the document shown: a POST, so that no number stands in a URL."""
    id_no = page.form.get("id_no", "")[:60]
    return await _listed(page, await flows.find_in_day(page.services.platform, page.staff, id_no))


async def _listed(page: StaffPage, found: list[DayEntry] | None) -> ASGIApp:
    day = _day(page)
    sessions = await flows.sessions_of_day(page.services.platform, page.staff, day)
    department, period = page.query("department"), page.query("period")
    shown = [
        session
        for session in sessions
        if (not department or session.department_name == department)
        and (not period or session.period == period)
    ]
    return page.show(
        "staff/window_today.html",
        day=day,
        days=[page.today + timedelta(days=n) for n in range(-PAPER_DAYS, _DAYS_AHEAD + 1)],
        departments=sorted({(one.department_name, one.department_name_en) for one in sessions}),
        department=department,
        period=period,
        sessions=shown,
        totals={
            "booked": sum(session.booked for session in shown),
            "picked_up": sum(session.picked_up for session in shown),
            "no_show": sum(session.no_show for session in shown),
            "unverified": sum(session.unverified for session in shown),
        },
        found=found,
    )


async def _print(page: StaffPage) -> ASGIApp:
    day = _day(page)
    entries = await flows.print_list(page.services.platform, page.staff, day)
    sheets = [
        (department, list(group))
        for department, group in groupby(entries, lambda entry: entry.department_name)
    ]
    return page.show("staff/window_print.html", day=day, sheets=sheets)


async def _session(page: StaffPage) -> ASGIApp:
    return await _show_session(page, "")


async def _show_session(page: StaffPage, refused: str, status: int = 200) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    day = _day(page)
    sessions = await flows.sessions_of_day(page.services.platform, page.staff, day)
    session = next((session for session in sessions if session.id == id), None)
    closes_from = await flows.closes_from(page.services.platform, page.staff, id)
    if session is None or closes_from is None:
        raise ProblemError("unknown_session")
    entries = await flows.list_of_day(page.services.platform, page.staff, day, [id])
    return page.show(
        "staff/window_session.html",
        status,
        day=day,
        session=session,
        entries=entries,
        closes_from=closes_from,
        refused=refused,
        policy=page.services.platform.policy_today,
    )


async def _enter(page: StaffPage) -> ASGIApp:
    """Enter numbers that were handed out on paper."""
    id = read_id(page.request, "session_id", "unknown_session")
    ticked = [int(name[1:]) for name in page.form if _TICKED.fullmatch(name)]
    reason = page.form.get("reason", "")[:200]
    outcome = await flows.enter_from_paper(
        page.services.platform, page.staff, id, ticked[:_ENTRIES_MAX], reason
    )
    return await _after(page, outcome, lambda n: page.say("补录了{count}个取号。", count=n))


async def _close(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    act = await _closing(page, id)
    reason = "" if act is None else confirmed(page, act)
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.close_session(page.services.platform, page.staff, id, reason)
    done = outcome if isinstance(outcome, Refused) else outcome.no_shows
    return await _after(page, done, lambda n: page.say("已结束取号，记爽约{count}人。", count=n))


async def _closing(page: StaffPage, id: int) -> Act | None:
    """Return what is asked before a session is closed; None where it cannot be."""
    day = _day(page)
    sessions = await flows.sessions_of_day(page.services.platform, page.staff, day)
    session = next((session for session in sessions if session.id == id), None)
    closes_from = await flows.closes_from(page.services.platform, page.staff, id)
    if session is None or closes_from is None or page.now < closes_from or session.stopped:
        return None
    department = page.names.name(session.department_name, session.department_name_en)
    policy = page.services.platform.policy_today
    return Act(
        page.say("结束{department}本场取号？", department=department),
        [
            page.say(
                "未取号的{count}人记为爽约，会收到短信；改正要逐人申诉。",
                count=session.booked + session.unverified,
            ),
            page.say(
                "一年内第{first}次、第{second}次爽约会暂停预约。",
                first=policy.first_suspension_no_shows,
                second=policy.second_suspension_no_shows,
            ),
            page.say("请先确认取号都已录入，包括断网时在纸上取的号。"),
        ],
        page.say("全部录入，结束取号"),
        f"/staff/window/sessions/{id}?date={day.isoformat()}",
        "today",
    )


async def _after(
    page: StaffPage, outcome: int | Refused[WindowRefusal], said: Callable[[int], str]
) -> ASGIApp:
    match outcome:
        case Refused(WindowRefusal.UNKNOWN):
            raise ProblemError("unknown_session")
        case Refused():
            return await _show_session(page, *page.refusal(outcome))
        case int():
            page.flash(said(outcome))
            id = page.request.path_params["session_id"]
            return page.redirect(f"/staff/window/sessions/{id}?date={_day(page).isoformat()}")
        case never:
            assert_never(never)
