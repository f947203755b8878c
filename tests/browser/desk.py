"""The demo's staff in a browser, logged in with both factors, and how many keys they press."""

from __future__ import annotations

from typing import Any

import httpx
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, Visitor

# Who is logged in already, by server and login: no code serves twice within half a minute.
_logged_in: dict[tuple[str, str], list[Any]] = {}


async def at_work(new_visitor: NewVisitor, login: str, **how: object) -> Visitor:
    """One of the demo's staff where they begin, logged in with both factors."""
    came = await new_visitor(viewport=DESKTOP, **how)
    cookies = _logged_in.get((came.base, login))
    if cookies is None:
        await _log_in(came, login)
        _logged_in[came.base, login] = await came.page.context.cookies()
    else:
        await came.page.context.add_cookies(cookies)
        await came.go("/staff")
    assert came.path != "/staff/login"
    return came


async def _log_in(came: Visitor, login: str) -> None:
    keys = Keys(came)
    await came.go("/staff/login")
    await came.check()
    await keys.type(login)
    await keys.press("Tab")
    await keys.type((await _member(came, login))["password"])
    await keys.go("Enter")
    assert came.path == "/staff/code", await came.text()
    await keys.type((await _member(came, login))["code"])
    await keys.go("Enter")
    assert came.path != "/staff/code", await came.text()


async def _member(came: Visitor, login: str) -> dict[str, str]:
    """The demo's own word on a login, with the code of this moment."""
    async with httpx.AsyncClient(base_url=came.base) as client:
        answer = await client.get("/demo/staff-codes", headers={"Accept": "application/json"})
    found: dict[str, str]
    [found] = [item for item in answer.json()["items"] if item["login"] == login]
    return found


class Keys:
    """A keyboard that counts: what is typed as text apart, every other key is one stroke."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self.pressed: list[str] = []

    async def type(self, text: str) -> None:
        """Into the field in focus, as soon as it is."""
        await self._visitor.focused("input:not([type=hidden]), textarea")
        await self._visitor.page.keyboard.type(text)

    async def press(self, key: str) -> None:
        self.pressed.append(key)
        await self._visitor.page.keyboard.press(key)

    async def go(self, key: str) -> None:
        """A key that leads to a page, as soon as the present one listens to keys."""
        await self._visitor.page.wait_for_load_state()
        async with self._visitor.page.expect_navigation():
            await self.press(key)
