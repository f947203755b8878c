"""/privacy: the notice, in the version that people consent to."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.rules.kernel.retention import RETENTIONS, days_kept
from guahao.rules.people.consent import NOTICE_VERSION
from guahao.web.pages.page import Page, Route


def privacy_pages() -> list[Route]:
    """GET /privacy."""
    return [Route("GET", "/privacy", _notice)]


async def _notice(page: Page) -> ASGIApp:
    settings = page.door.platform.settings
    return page.render(
        "privacy.en.html" if page.language == "en" else "privacy.zh.html",
        version=NOTICE_VERSION,
        city=settings.place["city"],
        days={kind: days_kept(settings.retention_days, kind) for kind in RETENTIONS},
    )
