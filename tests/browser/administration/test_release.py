"""The page of the release in a browser: it renews itself, and is readable on a phone."""

from __future__ import annotations

from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import PHONE


async def test_the_release_renews_itself(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "auditor", locale="en-US")
    assert desk.page.url.endswith("/staff/overview")
    await desk.check()
    await desk.page.clock.install()  # nobody waits the 30 seconds
    await desk.go("/staff/release")
    async with desk.page.expect_response(lambda answer: "/staff/release?at=" in answer.url):
        await desk.page.clock.run_for(31_000)
    await desk.page.set_viewport_size({"width": PHONE["width"], "height": 740})
    await desk.check()
