"""The demo's staff in a browser, logged in with both factors, and how many keys they press."""

from __future__ import annotations

import httpx
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, Visitor


async def at_work(new_visitor: NewVisitor, login: str, **how: object) -> Visitor:
    """One of the demo's staff, logged in with both factors."""
    came = await new_visitor(viewport=DESKTOP, **how)
    async with httpx.AsyncClient(base_url=came.base) as client:
        answer = await client.get("/demo/staff-codes", headers={"Accept": "application/json"})
    [member] = [item for item in answer.json()["items"] if item["login"] == login]
    await came.go("/staff/login")
    await came.check()
    await came.page.fill("#login", login)
    await came.page.fill("#password", member["password"])
    async with came.page.expect_navigation():
        await came.page.keyboard.press("Enter")
    await came.page.fill("#code", member["code"])
    async with came.page.expect_navigation():
        await came.page.keyboard.press("Enter")
    return came


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
