"""The results of a search: where there is a place, and when soonest (S1)."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.hospitals.search import NEAREST_MAX, PAGE, SearchRequest, search
from guahao.web.citizens.elder import ANSWERS
from guahao.web.citizens.page import Page, Route
from guahao.web.citizens.partial import is_partial
from guahao.web.framework.application_words import soon_text
from guahao.web.http.reading import ProblemError, as_id

SEARCH_PATH = "/search"
NOTHING_ASKED = {"q": "", "district": "", "grade": "", "open": ""}
_TYPED_MAX = 80  # characters
_PAGES_MAX = 500


def search_pages() -> list[Route]:
    """Return the route GET /search."""
    return [Route("GET", SEARCH_PATH, _search)]


async def _search(page: Page) -> ASGIApp:
    """Show what a search finds, the soonest first; `all` without pages, for sorting by distance."""
    asked = {name: page.query(name).strip()[:_TYPED_MAX] for name in NOTHING_ASKED}
    number = _page_number(page.query("page"))
    is_whole = page.query("all") == "1"
    platform = page.services.platform
    caller = page.services.callers.of(page.request.scope)
    wait_seconds = page.services.desk.velocity.search(caller, page.now.timestamp())
    if wait_seconds is not None:
        raise ProblemError("too_many_requests", retry_after_seconds=wait_seconds)
    found = await search(
        platform,
        SearchRequest(
            asked["q"], asked["district"], asked["grade"], only_open=asked["open"] == "1"
        ),
        1 if is_whole else number,
        NEAREST_MAX if is_whole else ANSWERS if page.elder else PAGE,
    )
    shown: dict[str, Any] = {
        "found": found,
        "asked": asked,
        "number": 1 if is_whole else number,
        "address": _address,
        "all_address": _address(asked, all="1"),
        "names": page.names,
        "when": partial(soon_text, page),
    }
    if is_partial(page):
        return page.render("search_results.html", **shown)
    return page.render("search.html", filters=found.filters, **shown)


def _page_number(text: str) -> int:
    number = as_id(text)
    return 1 if number is None else min(number, _PAGES_MAX)


def _address(asked: dict[str, str], **changed: object) -> str:
    """Return the URL of this search with some fields changed; empty fields are left out."""
    fields = {name: value for name, value in {**asked, **changed}.items() if value}
    return f"{SEARCH_PATH}?{urlencode(fields)}" if fields else SEARCH_PATH
