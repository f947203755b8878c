"""The counter list of a visit day, on the screen and on paper."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.fairness.counter import counter_list
from guahao.rules.kernel.limits import ONE_DAY
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date
from guahao.web.window.window import CLERK

PATH = "/staff/window/counter"


def counter_routes() -> list[StaffRoute]:
    """The counter list."""
    return [StaffRoute("GET", PATH, _show, CLERK)]


async def _show(page: StaffPage) -> ASGIApp:
    """Today's list, or tomorrow's, which is complete from the last draw on."""
    days = [page.today, page.today + ONE_DAY]
    asked = read_date(page.query("date"))
    day = asked if asked in days else page.today
    found = await counter_list(page.services.platform, page.staff, day)
    return page.show(
        "staff/window_counter.html",
        day=day,
        days=days,
        places=found,
        total=sum(session.places for session in found),
    )
