"""The day plan of a booking, gone through as a citizen: all that it offers until the visit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.test_booking import ENGLISH, WITHOUT_SCRIPTS, Newcomer
from tests.city import phone


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"permissions": ["clipboard-read", "clipboard-write"]}, id="on a phone"),
        pytest.param(ENGLISH | WITHOUT_SCRIPTS, id="English, without scripts"),
    ],
)
async def test_everything_that_the_day_plan_offers(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    came = Newcomer(
        await new_visitor(**how),
        english="locale" in how,
        scripts=how.get("java_script_enabled", True),
    )
    page, say = came.page, came.say
    await came.log_in()
    await came.find_a_session()
    await came.register()
    await came.confirm()
    plan = came.visitor.path
    await came.visitor.go(plan)  # as it is opened later, not as it comes from booking
    text = await came.visitor.text()
    for words in (
        say("需携带", "Bring"),
        say("去不了，或想换个时间", "Can't come, or another time?"),
        "114",
        "¥",
    ):
        assert words in text, words
    code = (await page.locator("#code").inner_text()).replace(" ", "")
    assert re.fullmatch(r"\d{8}", code)
    if came.scripts:
        assert await page.locator(".ticket__qr").evaluate("image => image.naturalWidth") > 0
        await page.locator("[data-copy]").click()
        assert await page.evaluate("navigator.clipboard.readText()") == code
        await page.evaluate("window.print = () => { window.printed = true; }")
        await page.locator("[data-print]").click()
        assert await page.evaluate("window.printed")
        await came.visitor.check()
    else:  # what needs a script is not offered
        assert not await page.locator("[data-copy]").is_visible()
        assert not await page.locator("[data-print]").is_visible()

    async with page.expect_download() as coming:
        await page.get_by_role("link", name=say("加到手机日历", "Add to calendar")).click()
    saved = (await (await coming.value).path()).read_text(encoding="utf-8")
    assert "BEGIN:VEVENT" in saved
    assert code not in saved.replace(" ", "")  # a calendar is seen by others

    await came.visitor.press(say("重发短信", "Send SMS again"))
    assert came.visitor.path == plan
    assert say("短信已重新发往", "on its way to your phone again") in await came.visitor.text()
    await _call_back(came, plan)

    await came.visitor.press(say("我的挂号", "My visits"))
    assert await page.locator(".stub").get_attribute("href") == plan
    assert phone(came.number) not in page.url
    assert came.visitor.complaints == []


async def _call_back(came: Newcomer, plan: str) -> None:
    """Ask to be called, see it on the plan, and need it no more."""
    say = came.say
    await came.visitor.press(say("请给我回电", "Call me back"))
    assert came.visitor.path == f"{plan}/call-back"
    await came.page.get_by_label(say("想改到别的时间", "I want to reschedule")).check()
    await came.visitor.press(say("请给我回电", "Call me back"))
    assert came.visitor.path == plan
    asked = came.page.locator(".call")
    assert say("想改到别的时间", "I want to reschedule") in await asked.inner_text()
    await came.visitor.press(say("不用打了", "Cancel the call"))
    assert await came.page.locator(".call").count() == 0
