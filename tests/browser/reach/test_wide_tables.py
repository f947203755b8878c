"""On a phone the rows of wide tables are blocks: nothing of them is out of sight."""

from __future__ import annotations

import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import PHONE

HIDDEN = "() => [...document.querySelectorAll('.scroll')].map((e) => e.scrollWidth - e.clientWidth)"


@pytest.mark.parametrize(
    ("login", "path"), [("auditor", "/staff/trail"), ("supervisor", "/staff/no-shows")]
)
async def test_no_column_is_out_of_sight_on_a_phone(
    new_visitor: NewVisitor, login: str, path: str
) -> None:
    desk = await at_work(new_visitor, login)
    await desk.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await desk.go(path)
    assert await desk.page.evaluate(HIDDEN) == [0]
    await desk.check()


async def test_nor_of_a_person_s_no_shows(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "supervisor")
    await desk.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await desk.go("/staff/no-shows")
    async with desk.page.expect_navigation():
        await desk.page.locator(".stacked a").first.click()
    assert set(await desk.page.evaluate(HIDDEN)) == {0}
    await desk.check()
