"""The styles: colours stand in the tokens alone, and the style guide shows every component."""

from __future__ import annotations

import re

import pytest
from tests.city import Clock
from tests.web.site import ENGLISH, Site, closed

from guahao.settings import Settings
from guahao.web.http.assets import assets

STYLES = {
    path: re.sub(r"/\*.*?\*/", "", asset.body.decode(), flags=re.DOTALL)
    for path, asset in assets().items()
    if path.endswith(".css") and not path.startswith("vendor/")
}
DEFINED = re.compile(r"(--[\w-]+)\s*:")
USED = re.compile(r"var\(\s*(--[\w-]+)\s*([,)])")
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\(|:\s*(?:white|black)\b")
COMPONENTS = (
    *("card", "cards", "badge", "badge--ok", "badge--warn", "badge--bad", "badge--info"),
    *("badge--quiet", "notice", "notice--ok", "notice--bad", "notice--info", "facts", "columns"),
    *("action-bar", "key", "empty", "figure", "chart", "calendar"),
)
GUIDES = ("/styleguide", "/staff/styleguide")


@pytest.mark.parametrize("path", sorted(STYLES.keys() - {"tokens.css"}))
def test_a_colour_is_written_in_the_tokens_only(path: str) -> None:
    assert COLOUR.findall(STYLES[path]) == []


@pytest.mark.parametrize("path", sorted(STYLES))
def test_every_token_that_a_style_uses_is_defined(path: str) -> None:
    defined = {name for text in STYLES.values() for name in DEFINED.findall(text)}
    assert {name for name, end in USED.findall(STYLES[path]) if end == ")"} <= defined


@pytest.mark.parametrize("path", sorted(STYLES))
def test_styles_go_by_classes_as_another_page_may_use_the_same_id(path: str) -> None:
    selectors = re.findall(r"([^{};]+)\{", STYLES[path])
    assert [selector for selector in selectors if re.search(r"#[a-z]", selector)] == []


@pytest.mark.parametrize("path", GUIDES)
async def test_the_style_guide_shows_every_component(closed_site: Site, path: str) -> None:
    page = (await closed_site.get(path, headers={"Accept": "text/html"})).text
    classes = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    assert set(COMPONENTS) <= classes
    assert len(re.findall(r'<svg class="icon"', page)) > 30
    english = (await closed_site.get(path, headers={**ENGLISH, "Accept": "text/html"})).text
    main = english.split("<main", 1)[1].split("</main>", 1)[0]
    assert re.findall(r"[\u4e00-\u9fff]+", main) == []


@pytest.mark.parametrize("path", GUIDES)
async def test_the_style_guide_is_of_the_demo(clock: Clock, path: str) -> None:
    site = closed(clock, Settings(mode="production"))
    assert (await site.get(path)).status_code == 404
