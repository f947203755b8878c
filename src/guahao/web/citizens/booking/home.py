"""The home page with the search (S1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.hospitals.search import find, home, recent_places
from guahao.web.citizens.page import Page, Route
from guahao.web.citizens.partial import is_partial
from guahao.web.http.reading import as_id

_TYPED_MAX = 80  # characters
_PAGES_MAX = 500


def home_pages() -> list[Route]:
    """Return the route GET /."""
    return [Route("GET", "/", _home), Route("GET", "/mine", _mine)]


async def _home(page: Page) -> ASGIApp:
    """Show the search box and its results; without a search, announcements."""
    asked = {name: page.query(name).strip()[:_TYPED_MAX] for name in ("q", "district", "grade")}
    number = _page_number(page.query("page"))
    platform = page.services.platform
    found = await find(
        platform, asked["q"], asked["district"] or None, asked["grade"] or None, number
    )
    shown: dict[str, Any] = {
        "found": found,
        "asked": asked,
        "number": number,
        "address": _address,
        "names": page.names,
    }
    if is_partial(page):
        return page.render("home_results.html", **shown)
    return page.render("home.html", home=await home(platform), **shown)


async def _mine(page: Page) -> ASGIApp:
    """Show what is the reader's own: a part of the home page, or a page without scripts."""
    platform = page.services.platform
    if not is_partial(page):
        recent = await recent_places(platform, page.owner)
        return page.render("mine.html", recent=recent, names=page.names)
    account_id = page.account_id
    recent = [] if account_id is None else await recent_places(platform, account_id)
    return page.render("mine_part.html", recent=recent, names=page.names)


def _page_number(text: str) -> int:
    number = as_id(text)
    return 1 if number is None else min(number, _PAGES_MAX)


def _address(asked: dict[str, str], **changed: object) -> str:
    """Return the URL of this search with some fields changed; empty fields are left out."""
    fields = {name: value for name, value in {**asked, **changed}.items() if value}
    return f"/?{urlencode(fields)}" if fields else "/"
