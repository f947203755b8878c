"""The switches of every page: language, elder view (长辈版) and theme."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.web.citizens.page import Page, Route
from guahao.web.framework import cookies
from guahao.words.catalogue import LANGUAGES

STANDARD = "standard"


def choice_pages() -> list[Route]:
    """Return POST /language, POST /view and POST /theme."""

    async def language(page: Page) -> ASGIApp:
        chosen = page.form.get("language")
        if chosen in LANGUAGES:
            page.set_cookie(cookies.LANGUAGE, chosen)
        return page.redirect(page.back())

    async def view(page: Page) -> ASGIApp:
        chosen = page.form.get("view")
        if chosen in (cookies.ELDER, STANDARD):
            page.set_cookie(cookies.VIEW, chosen)
        return page.redirect(page.back())

    async def theme(page: Page) -> ASGIApp:
        page.choose_theme()
        return page.redirect(page.back())

    return [
        Route("POST", "/language", language, asks_nobody=True, has_public_form=True),
        Route("POST", "/view", view, asks_nobody=True, has_public_form=True),
        Route("POST", "/theme", theme, asks_nobody=True, has_public_form=True),
    ]
