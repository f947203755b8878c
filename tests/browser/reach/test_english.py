"""English is complete: Chinese stands on an English page only where it says that it is Chinese."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
from tests.browser.caller import book_by_api
from tests.browser.reach.walking import citizens_paths, examples

_HAN = re.compile(r"[\u3400-\u9fff]")
_VOID = {"meta", "link", "input", "img", "br", "hr", "source", "path", "circle", "use", "rect"}
_READ = ("alt", "aria-label", "placeholder", "title", "content")
NUMBER = 981


class _Chinese(HTMLParser):
    """Collects Chinese outside elements with lang="zh…"; names of persons are what they are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = [("", False)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        language = own.get("lang")
        is_chinese = self._open[-1][1] if language is None else language.startswith("zh")
        if not is_chinese:
            self.found += [own[a] for a in _READ if _HAN.search(own.get(a, ""))]
        if tag not in _VOID:
            self._open.append((tag, is_chinese))

    def handle_endtag(self, tag: str) -> None:
        while len(self._open) > 1:
            closed, _ = self._open.pop()
            if closed == tag:
                break

    def handle_data(self, data: str) -> None:
        if _HAN.search(data) and not self._open[-1][1]:
            self.found.append(data.strip())


async def test_an_english_page_is_english_to_the_last_word(
    city_url: str, city_database_url: str
) -> None:
    token = await book_by_api(city_url, NUMBER)
    paths = citizens_paths(examples(city_database_url))
    chinese: dict[str, list[str]] = {}
    for view in ("standard", "elder"):
        cookies = {"session": token, "view": view, "language": "en"}
        async with httpx.AsyncClient(base_url=city_url, cookies=cookies) as client:
            for path in [*paths, "/search?q=headache", "/search?q=没有的东西"]:
                page = await client.get(path, headers={"Accept": "text/html"})
                parser = _Chinese()
                parser.feed(page.text.replace("李小红", "").replace("没有的东西", ""))
                if parser.found:
                    chinese[f"{path} {view}"] = parser.found
    assert chinese == {}
