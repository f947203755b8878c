"""The supervisor's overview: callers now, tasks that wait, today's outcomes by agent."""

from __future__ import annotations

from datetime import datetime

from litestar.types import ASGIApp

from guahao.flows.call_centre.overview import overview
from guahao.rules.call_centre.results import CallResult
from guahao.rules.staff.staff import Role
from guahao.web.call_centre.results import result_words
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.words.words import task_kinds

_HOUR, _DAY = 60, 24 * 60  # minutes


def overview_routes() -> list[StaffRoute]:
    """Return the overview."""
    return [StaffRoute("GET", "/staff/calls/overview", _show, frozenset({Role.SUPERVISOR}))]


async def _show(page: StaffPage) -> ASGIApp:
    found = await overview(page.services.platform)
    due = sum(tasks.due for tasks in found.tasks)
    oldest = min((tasks.oldest for tasks in found.tasks if tasks.due), default=None)
    return page.show(
        "staff/call_overview.html",
        overview=found,
        results=[(result.value, words) for result, words in result_words(page).items()],
        kinds=task_kinds(page.say),
        since=lambda moment: since_text(page, moment),
        due=due,
        longest="" if oldest is None else since_text(page, oldest),
        calls_today=sum(agent.calls for agent in found.agents),
        booked_today=sum(agent.results.get(CallResult.BOOKED.value, 0) for agent in found.agents),
        throttled=sum(agent.throttled for agent in found.agents),
    )


def since_text(page: StaffPage, moment: datetime) -> str:
    """Return how long ago something began, in the unit that people use."""
    minutes = max(0, int((page.now - moment).total_seconds() // 60))
    if minutes < _HOUR:
        return page.say("{n}分钟", n=minutes)
    if minutes < _DAY:
        return page.say("{n}小时", n=minutes // _HOUR)
    return page.say("{n}天", n=minutes // _DAY)
