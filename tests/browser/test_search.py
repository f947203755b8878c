"""Searching while typing: with an input method, and in the browser's history."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Request
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor

LONGER_THAN_THE_PAUSE_MS = 700  # after which a search is sent


def searches_of(visitor: Visitor) -> list[str]:
    """The addresses that are asked by the search box from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if "hx-request" in request.headers:
            asked.append(request.url)

    visitor.page.on("request", note)
    return asked


async def test_while_an_input_method_composes_nothing_is_searched(
    new_visitor: NewVisitor,
) -> None:
    visitor = await new_visitor()
    page = visitor.page
    await page.clock.install()
    await visitor.go("/")
    asked = searches_of(visitor)
    await page.locator("#q").focus()
    keyboard = await page.context.new_cdp_session(page)
    for composed in ("y", "ya", "yan", "yan k", "yan ke"):
        await keyboard.send(
            "Input.imeSetComposition",
            {"text": composed, "selectionStart": len(composed), "selectionEnd": len(composed)},
        )
        await page.clock.run_for(LONGER_THAN_THE_PAUSE_MS)
        assert await page.locator(".empty").count() == 0
    assert asked == []
    async with page.expect_response(re.compile("q=")):
        await keyboard.send("Input.insertText", {"text": "眼科"})
    await page.wait_for_url(re.compile("q=%E7%9C%BC%E7%A7%91"))
    assert await page.locator("#q").input_value() == "眼科"
    assert {url for url in asked if "q=%E7%9C%BC%E7%A7%91" not in url} == set()
    assert visitor.complaints == []


async def test_a_search_that_waits_is_not_sent_once_composing_begins(
    new_visitor: NewVisitor,
) -> None:
    visitor = await new_visitor()
    page = visitor.page
    await page.clock.install()
    await visitor.go("/")
    asked = searches_of(visitor)
    await page.locator("#q").type("A")
    keyboard = await page.context.new_cdp_session(page)
    await keyboard.send(
        "Input.imeSetComposition", {"text": "ke", "selectionStart": 2, "selectionEnd": 2}
    )
    await page.clock.run_for(LONGER_THAN_THE_PAUSE_MS)
    assert asked == []
    # Given up: what stood there before is searched for after all.
    async with page.expect_response(re.compile("q=A&")):
        await keyboard.send(
            "Input.imeSetComposition", {"text": "", "selectionStart": 0, "selectionEnd": 0}
        )


async def test_ten_letters_leave_one_entry_in_the_history(new_visitor: NewVisitor) -> None:
    visitor = await new_visitor()
    page = visitor.page
    await visitor.go("/")
    before = await page.evaluate("history.length")
    for letter in "xinxueguan":
        await page.locator("#q").press(letter)
        await page.wait_for_url(re.compile(f"q=[a-z]*{letter}&"))
    assert await page.evaluate("history.length") == before
    assert "q=xinxueguan&" in page.url
    found = page.locator("#results").get_by_role("link").first
    async with page.expect_navigation():
        await found.click()
    async with page.expect_navigation():
        await page.go_back()
    assert await page.locator("#q").input_value() == "xinxueguan"


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_every_example_of_the_empty_page_finds_something(
    new_visitor: NewVisitor, language: str
) -> None:
    visitor = await new_visitor(locale=language)
    page = visitor.page
    await visitor.go("/search?q=qqqqqq")
    sentence = await page.locator(".empty").inner_text()
    examples = re.findall(r"“([^”]+)”", sentence)
    assert len(examples) >= 3, sentence
    for example in examples:
        await visitor.go(f"/search?q={example}")
        assert await page.locator(".empty").count() == 0, example
        assert await page.locator("#results li").count() > 0, example


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_the_nearest_comes_first_and_the_position_stays_here(
    new_visitor: NewVisitor, language: str
) -> None:
    visitor = await new_visitor(locale=language)
    page = visitor.page
    await page.context.grant_permissions(["geolocation"])
    await page.context.set_geolocation({"latitude": 30.3, "longitude": 125.35})
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    await visitor.go("/search?q=眼科")
    await page.locator(".nearest__go").click()
    await page.wait_for_selector("li [data-away]:not(:empty)")
    rows = page.locator("#results section:first-of-type li")
    kinds = await rows.evaluate_all("rows => rows.map((row) => row.dataset.row)")
    away = await rows.locator("[data-away]").all_inner_texts()
    kilometres = [float(re.findall(r"[0-9.]+", text)[0]) for text in away]
    for kind in dict.fromkeys(kinds):
        group = [far for far, of in zip(kilometres, kinds, strict=True) if of == kind]
        assert group == sorted(group)
    assert not any("30.3" in each or "125.35" in each for each in sent)
    assert await page.locator(".nearest__go").is_hidden()
    assert visitor.complaints == []


async def test_without_a_position_the_page_says_what_helps(new_visitor: NewVisitor) -> None:
    visitor = await new_visitor()
    page = visitor.page
    await visitor.go("/search?q=眼科")
    await page.locator(".nearest__go").click()
    await page.wait_for_function(
        "document.querySelector('.nearest__said').textContent.includes('选择地区')"
    )
    assert await page.locator("#results li").count() > 0
