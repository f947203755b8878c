"""The elder view's own flow: three buttons, then one question a screen."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor
from tests.city import phone, resident_id

SMALL_PHONE = {"viewport": {"width": 360, "height": 640}}
ENGLISH = {"locale": "en-GB"}
WITHOUT_SCRIPTS = {"java_script_enabled": False}
# The browser's own speech is the outside world: it is asked to say something.
SPEECH = """
Object.defineProperty(window, "speechSynthesis", { value: {
  speaking: false,
  speak(said) { this.speaking = true; window.said = [said.lang, said.text]; },
  cancel() { this.speaking = false; },
} });
"""
# Answers that can be tapped without scrolling end above the tabs.
OUT_OF_REACH = """
() => {
  const end = document.querySelector(".tabs").getBoundingClientRect().top;
  return [...document.querySelectorAll(".answer, .confirm .action, .ask")]
    .filter((one) => one.getBoundingClientRect().bottom > end).map((one) => one.outerHTML);
}
"""

_numbers = count(901)


async def see(came: Visitor, question: str) -> None:
    """Check a screen: its question, its answers in reach, and what every page must be."""
    assert await came.page.locator("h1").inner_text() == question
    assert await came.page.evaluate("scrollY") == 0
    assert await came.page.evaluate(OUT_OF_REACH) == []
    await came.check()
    assert await came.elder_targets() == []


async def take_large_view(came: Visitor, name: str) -> None:
    await came.go("/")
    async with came.page.expect_navigation():
        await came.page.get_by_role("banner").get_by_role("button", name=name).click()


async def answer_first(came: Visitor) -> None:
    async with came.page.expect_navigation():
        await came.page.locator(".answers a").first.click()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        pytest.param(
            {},
            {
                "view": "长辈版",
                "questions": "您要做什么？|去哪家医院？|看哪个科？|看哪个科？|哪一天？|什么时间？",
                "for": "给谁挂号？",
                "name": "姓名",
                "document": "证件号码",
                "save": "保存",
                "right": "对吗？",
                "book": "确认挂号",
            },
            id="zh",
        ),
        pytest.param(
            ENGLISH,
            {
                "view": "Large view",
                "questions": "What would you like to do?|Which hospital?|Which department?|"
                "Which department?|Which day?|What time?",
                "for": "Who is the visit for?",
                "name": "Name",
                "document": "Document number",
                "save": "Save",
                "right": "Is this right?",
                "book": "Book this visit",
            },
            id="en",
        ),
    ],
)
async def test_one_question_a_screen_leads_to_a_booked_visit(
    new_visitor: NewVisitor, how: dict[str, Any], words: dict[str, str]
) -> None:
    came = await new_visitor(**SMALL_PHONE, **how)
    number = next(_numbers)
    await take_large_view(came, words["view"])
    for question in words["questions"].split("|"):
        await see(came, question)
        await answer_first(came)
    await came.log_in(phone(number), english=bool(how))
    await see(came, words["for"])
    await answer_first(came)
    await came.fill(words["name"], "王小明")
    await came.fill(words["document"], resident_id(number))
    await came.page.locator("[name=consent]").check()
    await came.press(words["save"])
    await see(came, words["right"])
    await came.press(words["book"])
    assert came.path.startswith("/bookings/"), await came.text()
    await came.check()
    assert await came.elder_targets() == []


async def test_a_page_is_read_aloud_when_asked_and_only_then(new_visitor: NewVisitor) -> None:
    came = await new_visitor(**SMALL_PHONE)
    await came.page.add_init_script(SPEECH)
    await take_large_view(came, "长辈版")
    assert await came.page.evaluate("window.said") is None
    await came.page.get_by_role("button", name="念", exact=True).click()
    language, text = await came.page.evaluate("window.said")
    assert language == "zh-CN"
    assert text.startswith("您要做什么？。挂号。我的号。打电话 114")
    await came.page.get_by_role("button", name="停", exact=True).click()
    assert not await came.page.evaluate("speechSynthesis.speaking")


async def test_without_scripts_nothing_offers_to_read(new_visitor: NewVisitor) -> None:
    came = await new_visitor(**SMALL_PHONE, **WITHOUT_SCRIPTS)
    await take_large_view(came, "长辈版")
    assert not await came.page.locator("[data-aloud]").is_visible()
