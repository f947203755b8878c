"""The demo's staff in a browser, logged in with both factors, and how many keys they press."""

from __future__ import annotations

import httpx
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, Visitor

_TRIES = 15


async def at_work(new_visitor: NewVisitor, login: str, **how: object) -> Visitor:
    """One of the demo's staff, logged in with both factors."""
    came = await new_visitor(viewport=DESKTOP, **how)
    member = await _member(came, login)
    await came.go("/staff/login")
    await came.check()
    await came.page.fill("#login", login)
    await came.page.fill("#password", member["password"])
    async with came.page.expect_navigation():
        await came.page.keyboard.press("Enter")
    for _ in range(_TRIES):
        await came.page.fill("#code", (await _member(came, login))["code"])
        async with came.page.expect_navigation():
            await came.page.keyboard.press("Enter")
        if came.path != "/staff/code":
            return came
        # Another test has used this half minute's code: no code serves twice.
        await came.page.wait_for_timeout(3000)
    raise AssertionError(await came.text())


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
        await self._visitor.page.keyboard.type(text)

    async def press(self, key: str) -> None:
        self.pressed.append(key)
        await self._visitor.page.keyboard.press(key)

    async def go(self, key: str) -> None:
        """A key that leads to a page."""
        async with self._visitor.page.expect_navigation():
            await self.press(key)
