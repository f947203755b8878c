"""An administrator previews a policy, tries it and saves it; by keyboard, with axe."""

from __future__ import annotations

from tests.browser.caller import book_by_api
from tests.browser.conftest import NewVisitor
from tests.browser.desk import Keys, at_work

CALLER = 951  # nobody of the other tests


async def test_an_administrator_tries_a_policy_before_saving_it(
    new_visitor: NewVisitor, city_url: str
) -> None:
    await book_by_api(city_url, CALLER)
    desk = await at_work(new_visitor, "admin")
    await desk.go("/staff/policy")
    await desk.check()
    keys = Keys(desk)
    await desk.page.fill("#per_day", "1")
    await desk.page.fill("#holds_from", "2027-06-01")
    await desk.page.focus("#reason")
    await keys.type("演示：试行")
    await keys.go("Enter")
    assert "患者将看到" in await desk.text()
    await desk.check()
    await keys.go("F4")
    assert desk.path.startswith("/staff/policy/trials/")
    # The page goes on by itself when the worker is done.
    done = desk.page.locator("main").get_by_text("可信程度")
    await done.first.wait_for(timeout=60_000)
    await desk.check()
    await desk.go("/staff/unverified")
    await desk.check()
