"""The reports' charts under the pages' own policy: on a desk, on a phone, without scripts."""

from __future__ import annotations

from playwright.async_api import Page
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import PHONE


async def test_charts_are_readable_on_a_desk_and_on_a_phone(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "auditor", locale="en-US")
    await desk.go("/staff/reports/lead?period=next30")
    await _is_readable(desk.page, "wide")
    await desk.check()

    state = await desk.page.context.storage_state()
    phone = await new_visitor(
        viewport=PHONE, locale="en-US", java_script_enabled=False, storage_state=state
    )
    await phone.go("/staff/reports/lead?period=next30")
    await _is_readable(phone.page, "narrow")


async def _is_readable(page: Page, paper: str) -> None:
    """One drawing of each chart is shown, in letters of at least 12 pixels."""
    charts = page.locator("figure.chart")
    shown = page.locator(f"svg.chart__{paper}:visible")
    assert (
        await charts.count()
        == await shown.count()
        == await page.locator("figure svg:visible").count()
    )
    assert await charts.count() == 2
    letters = shown.first.locator("text").first
    assert await letters.evaluate("e => 13 * e.ownerSVGElement.getScreenCTM().a") >= 12
