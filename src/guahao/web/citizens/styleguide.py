"""/styleguide: every component of the pages in all its states; in the demo only."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.web.citizens.page import Page, Route
from guahao.web.http.reading import ProblemError


def styleguide_pages() -> list[Route]:
    """Return the route GET /styleguide."""
    return [Route("GET", "/styleguide", _styleguide, asks_nobody=True)]


async def _styleguide(page: Page) -> ASGIApp:
    if not page.is_demo:
        raise ProblemError("not_found")
    return page.render("styleguide.html")
