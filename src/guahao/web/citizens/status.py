"""/status: the status of booking, messages and hospitals' systems, without a database query."""

from __future__ import annotations

from datetime import timedelta

from litestar.types import ASGIApp

from guahao.flows.operations.status import status_now
from guahao.rules.operations.status import DELAY_MOST_MINUTES
from guahao.web.citizens.page import Page, Route


def status_pages() -> list[Route]:
    """Return the route GET /status."""
    return [Route("GET", "/status", _status, asks_nobody=True)]


async def _status(page: Page) -> ASGIApp:
    found = status_now(page.services.platform, page.services.desk)
    age = found.age_seconds
    page.add_header("refresh", "60")
    return page.render(
        "status.html",
        found=found,
        delay_most=DELAY_MOST_MINUTES,
        checked_at=None if age is None else page.now - timedelta(seconds=age),
    )
