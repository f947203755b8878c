"""The home page: the search box, announcements and hospitals (S1)."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar.types import ASGIApp

from guahao.flows.booking.appointments import list_appointments
from guahao.flows.fairness.applications import live_applications
from guahao.flows.fairness.drawn import next_draws
from guahao.flows.hospitals.search import find, home, recent_places
from guahao.web.citizens.booking.search import NOTHING_ASKED, SEARCH_PATH
from guahao.web.citizens.page import Page, Route
from guahao.web.citizens.partial import is_partial
from guahao.web.framework.application_words import soon_text, wishes_text

# What a part of the page shows to strangers.
_NOTHING: dict[str, Any] = {"next": None, "applications": [], "recent": []}


def home_pages() -> list[Route]:
    """Return the routes GET / and GET /mine."""
    return [Route("GET", "/", _home), Route("GET", "/mine", _mine)]


async def _home(page: Page) -> ASGIApp:
    """Show the search box, announcements and hospitals; an old address of a search moves on."""
    query = page.here.partition("?")[2]
    if query and any(page.query(name) for name in (*NOTHING_ASKED, "page")):
        return page.redirect(f"{SEARCH_PATH}?{query}")
    platform = page.services.platform
    shown = await home(platform)
    return page.render(
        "home.html",
        home=shown,
        filters=shown.filters,
        found=await find(platform, "", None, None),
        asked=NOTHING_ASKED,
        names=page.names,
    )


async def _mine(page: Page) -> ASGIApp:
    """Show what is the reader's own: a part of the home page, or a page without scripts."""
    if not is_partial(page):
        return page.render("mine.html", names=page.names, **await _own(page, page.owner))
    own = _NOTHING if page.account_id is None else await _own(page, page.account_id)
    return page.render("mine_part.html", names=page.names, **own)


async def _own(page: Page, account_id: int) -> dict[str, Any]:
    """Return the next visit, open applications with their next draws, and places of before."""
    platform = page.services.platform
    current = await list_appointments(platform, account_id, "current")
    applications = await live_applications(platform, account_id)
    return {
        "next": next((one for one in current if one.status == "booked"), None),
        "more": sum(one.status == "booked" for one in current) - 1,
        "applications": applications,
        "draws": await next_draws(platform, applications) if applications else {},
        "wishes": partial(wishes_text, page),
        "when": partial(soon_text, page),
        "recent": await recent_places(platform, account_id),
    }
