"""登录设备: the account's log-ins, and ending one or all of them."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.people.logins import end_login, live_logins, log_out_everywhere
from guahao.web.citizens.page import LOGIN_PATH, Page, Route
from guahao.web.framework import cookies
from guahao.web.http.reading import as_id

LOGINS_PATH = "/me/log-ins"
_ALL = "all"


def login_list_pages() -> list[Route]:
    """Return GET and POST /me/log-ins."""
    return [Route("GET", LOGINS_PATH, _listed), Route("POST", LOGINS_PATH, _end)]


async def _listed(page: Page) -> ASGIApp:
    """Show all live log-ins, with the current one marked."""
    owner, own = page.owner, page.login
    return page.render(
        "logins.html",
        logins=await live_logins(page.services.platform, owner),
        own_id=None if own is None else own.id,
        ended=page.query("ended") == "1",
    )


async def _end(page: Page) -> ASGIApp:
    """End a log-in, or all; visitors who end their own log in again."""
    owner, own, wanted = page.owner, page.login, page.form.get("end", "")
    if wanted == _ALL:
        await log_out_everywhere(page.services.platform, owner)
        return _logged_out(page)
    login_id = as_id(wanted)
    if login_id is not None:
        await end_login(page.services.platform, owner, login_id)
    if own is not None and login_id == own.id:
        return _logged_out(page)
    return page.redirect(f"{LOGINS_PATH}?ended=1")


def _logged_out(page: Page) -> ASGIApp:
    for name in (cookies.SESSION, cookies.PHONE, cookies.KEPT):
        page.drop_cookie(name)
    return page.redirect(LOGIN_PATH)
