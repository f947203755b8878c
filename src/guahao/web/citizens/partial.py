"""Requests by htmx for a part of a page."""

from __future__ import annotations

from guahao.web.citizens.page import Page
from guahao.web.http.reading import header


def is_partial(page: Page) -> bool:
    """Return whether htmx asks for a part; restoring the history needs the whole page."""
    scope = page.request.scope
    return (
        header(scope, b"hx-request") == b"true"
        and header(scope, b"hx-history-restore-request") is None
        and header(scope, b"hx-boosted") is None
    )
