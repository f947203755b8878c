"""The home page: the search box, announcements and hospitals (S1)."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.hospitals.search import find, home, recent_places
from guahao.web.citizens.booking.search import NOTHING_ASKED, SEARCH_PATH
from guahao.web.citizens.page import Page, Route
from guahao.web.citizens.partial import is_partial


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
    platform = page.services.platform
    if not is_partial(page):
        recent = await recent_places(platform, page.owner)
        return page.render("mine.html", recent=recent, names=page.names)
    account_id = page.account_id
    recent = [] if account_id is None else await recent_places(platform, account_id)
    return page.render("mine_part.html", recent=recent, names=page.names)
