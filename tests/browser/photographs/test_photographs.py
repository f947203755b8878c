"""The style guide and the main pages look as they did, in both themes and widths."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
from playwright.async_api import Route
from tests.browser.conftest import NewVisitor
from tests.browser.desk import Keys, at_work
from tests.browser.photographs.camera import RETAKES, photographed
from tests.browser.visitor import HEADLESS_SHELL
from tests.city import phone, resident_id

pytestmark = pytest.mark.skipif(
    HEADLESS_SHELL is None and "CI" not in os.environ,
    reason="taken with chromium-headless-shell: a whole Chromium draws some edges otherwise",
)

WEEK = "2026-12-14"
HOSPITAL = 3  # where no other test books
NEWCOMER = 961
CALLER = ("13800000001", "11990019850501001X", "张示例")  # of the demo city

AGAIN = "Look at the pages; if the change is meant, take the pictures anew: make photographs"


async def last_session(base: str) -> dict[str, Any]:
    """Return the hospital's last session that is available."""
    async with httpx.AsyncClient(base_url=f"{base}/api/v1") as client:
        departments = (await client.get(f"/hospitals/{HOSPITAL}/departments")).json()["items"]
        for department in reversed(departments):
            query = {"hospital_id": HOSPITAL, "department_id": department["id"]}
            sessions = (await client.get("/clinic-sessions", params=query)).json()["items"]
            free: list[dict[str, Any]] = [one for one in sessions if one["state"] == "available"]
            if free:
                return free[-1]
    raise AssertionError("the demo city has no free place")


@pytest.mark.parametrize("path", ["/styleguide", "/staff/styleguide"])
async def test_the_style_guide(new_visitor: NewVisitor, path: str) -> None:
    came = await new_visitor()
    await came.go(path)
    name = "desk-guide" if path.startswith("/staff") else "guide"
    assert await photographed(came.page, name, whole=True) == [], AGAIN


async def test_the_pages_of_a_citizen(new_visitor: NewVisitor) -> None:
    came = await new_visitor()
    session = await last_session(came.base)
    await came.go("/")
    differing = await photographed(came.page, "home")
    await came.go(f"/departments/{session['department_id']}?day={session['visit_date']}")
    differing += await photographed(came.page, "department")
    await came.go("/login?next=/patients/new")
    await came.log_in(phone(NEWCOMER))
    await came.fill("姓名", "王小明")
    await came.fill("证件号码", resident_id(NEWCOMER))
    await came.page.locator("[name=consent]").check()
    await came.press("保存")
    await came.go(f"/book/{session['id']}")
    differing += await photographed(came.page, "confirm")
    await came.go(f"/book/{session['id']}")
    await came.press("确认预约")
    differing += await photographed(came.page, "booking")
    assert differing == [], AGAIN


async def test_the_pages_of_the_desk(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "scheduler")
    await desk.go(f"/staff/schedule?week={WEEK}")
    differing = await photographed(desk.page, "schedule")
    desk = await at_work(new_visitor, "agent")
    keys = Keys(desk)
    for typed, key in zip(CALLER, ("Enter", "Tab", "Enter"), strict=True):
        await keys.type(typed)
        await (keys.press(key) if key == "Tab" else keys.go(key))
    assert "已核实" in await desk.text()
    differing += await photographed(desk.page, "agent")
    assert differing == [], AGAIN


@pytest.mark.skipif(RETAKES, reason="these faults are not to be stored")
@pytest.mark.parametrize("style", ["tokens.css", "components.css", "guahao.css"])
async def test_a_page_without_a_style_is_noticed(new_visitor: NewVisitor, style: str) -> None:
    came = await new_visitor()

    async def lose(route: Route) -> None:
        await route.fulfill(body="", content_type="text/css")

    await came.page.route(f"**/{style}*", lose)
    await came.go("/styleguide")
    assert await photographed(came.page, "guide", whole=True, once=True) != []


@pytest.mark.skipif(RETAKES, reason="these faults are not to be stored")
async def test_a_small_fault_is_noticed(new_visitor: NewVisitor) -> None:
    came = await new_visitor()
    for fault in (
        ".field_wrong .field__input { border: 0; background: var(--bad) !important; }",
        ".weui-btn_primary.weui-btn { background: var(--info) !important; }",
        ".notice { display: none; }",
        "h2 { margin-top: 40px !important; }",
    ):
        await came.go("/styleguide")
        found = await photographed(came.page, "guide", whole=True, once=True, spoilt_by=fault)
        assert found != [], fault
