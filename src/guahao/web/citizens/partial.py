"""Whether a script asked for a part of a page, to put into the page that is shown."""

from __future__ import annotations

from guahao.web.citizens.page import Page
from guahao.web.http.reading import header


def is_partial(page: Page) -> bool:
    """htmx says so; going back in the browser's history wants the whole page again."""
    scope = page.request.scope
    return (
        header(scope, b"hx-request") == b"true"
        and header(scope, b"hx-history-restore-request") is None
        and header(scope, b"hx-boosted") is None
    )
