"""The reports' charts, drawn by a browser under the pages' own policy."""

from __future__ import annotations

from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import DESKTOP, Visitor

# How many pixels of a colour a canvas has; any but white where no colour is named.
PAINTED = """
([canvas, colour]) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, alpha] = data.slice(i, i + 4);
    if (!alpha) continue;
    const here = `${r},${g},${b}`;
    if (colour ? here === colour : here !== "255,255,255") count += 1;
  }
  return count;
}
"""
BLUE, GREEN_BLUE = "74,152,216", "127,181,224"  # what was booked; what waits for its day


async def painted(desk: Visitor, colour: str | None = None) -> list[int]:
    """Pixels of each chart of the page."""
    await desk.page.wait_for_selector("[data-chart] canvas")
    canvases = await desk.page.query_selector_all("[data-chart] canvas")
    return [await desk.page.evaluate(PAINTED, [canvas, colour]) for canvas in canvases]


async def test_every_chart_is_drawn_and_the_policy_is_kept(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "auditor", locale="en-US")
    await desk.go("/staff/reports?period=next30")
    [lines] = await painted(desk, BLUE)
    assert lines > 100
    await desk.page.mouse.move(500, 500)  # its tooltip is drawn on the canvas
    await desk.check()

    await desk.page.select_option("#by", "hospital")
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F6")
    [bars] = await painted(desk, GREEN_BLUE)
    assert bars > 1000
    await desk.check()

    await desk.go("/staff/reports/fill")
    heat = sum(await painted(desk))  # it has two layers
    assert heat > 10_000
    await desk.page.mouse.move(600, 420)
    await desk.check()

    await desk.go("/staff/reports/lead?period=next30")
    assert all(count > 100 for count in await painted(desk, BLUE))
    await desk.check()

    await _tables_stand_alone(new_visitor, desk)


async def _tables_stand_alone(new_visitor: NewVisitor, desk: Visitor) -> None:
    """The same numbers without scripts, and no empty frame where a picture would be."""
    shown = await desk.page.locator("table").all_inner_texts()
    state = await desk.page.context.storage_state()
    plain = await new_visitor(
        viewport=DESKTOP, locale="en-US", java_script_enabled=False, storage_state=state
    )
    await plain.go("/staff/reports/lead?period=next30")
    assert await plain.page.locator("table").all_inner_texts() == shown
    assert not await plain.page.locator("[data-chart]").first.is_visible()
