"""Every page of the application: legible to all in both themes, at twice the size, and of use
without scripts.

The pages are those of the application's routes, so that a new page is walked as it comes.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ViewportSize
from tests.browser.caller import book_by_api
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.reach.walking import (
    EXAMPLES,
    citizens_paths,
    examples,
    open_paths,
    staff_paths,
)
from tests.browser.visitor import AXE, DESKTOP, Visitor

from guahao.rules.staff.staff import Role

NUMBER = 971
# A phone of 360 px at 200 %: the page has 180 of its own pixels.
TWICE_THE_SIZE: ViewportSize = {"width": 180, "height": 370}
PHONE: ViewportSize = {"width": 360, "height": 740}
# A desk of 1280 px at 200 %.
DESK_TWICE_THE_SIZE: ViewportSize = {"width": 640, "height": 400}
THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
LOGINS = {
    Role.ADMINISTRATOR: "admin",
    Role.SUPERVISOR: "supervisor",
    Role.SCHEDULER: "scheduler",
    Role.CLERK: "clerk",
}
# A theme changes colours, and the picture on its own button: other rules would find the same again.
FINDINGS = """
async (theme) => {
  const rules = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
  const ofColours = { type: "rule", values: ["color-contrast", "link-in-text-block"] };
  const { violations } = await axe.run(
    { resultTypes: ["violations"], runOnly: theme === "light" ? rules : ofColours });
  return violations.map(
    ({ id, nodes }) => `${theme} ${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
}
"""
WIDER_THAN_THE_SCREEN = """
() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
    .slice(0, 3).map((one) => one.outerHTML.slice(0, 160));
}
"""
# A time, a price or a code that stands on two lines.
BROKEN = r"""
() => {
  const broken = [];
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const { data } = words.currentNode;
    for (const found of data.matchAll(/\d{1,2}:\d{2}|¥\d[\d.,]*/g)) {
      const range = document.createRange();
      range.setStart(words.currentNode, found.index);
      range.setEnd(words.currentNode, found.index + found[0].length);
      const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (tops.size > 1) broken.push(`${found[0]} in ${data.trim().slice(0, 60)}`);
    }
  }
  return broken;
}
"""


# What can be seen and does nothing: a button that sends no form, a link that leads nowhere, a part
# that never comes.
DEAD = """
() => [...document.querySelectorAll("a, button, [hx-trigger=load]")].filter((one) => {
  if (!one.getClientRects().length) return false;
  if (one.matches("a")) return !one.getAttribute("href") || one.getAttribute("href") === "#";
  if (one.matches("button")) return one.type !== "submit" || !one.form;
  return !one.querySelector("a");
}).map((one) => one.outerHTML.slice(0, 160))
"""
GUIDES = ("/styleguide", "/staff/styleguide")  # their buttons are there to be looked at
# Served by no list of pages: the demo's own, and what says that there is no such page.
OTHER_PATHS = (
    *("/demo/outbox", "/demo/outbox?to=13800000001", "/demo/documents", "/demo/staff-codes"),
    *("/nothing", "/staff/nothing"),
)


async def findings_of(came: Visitor, path: str, twice: ViewportSize | None = None) -> list[str]:
    """What axe finds on a page in both themes, and what is cut off at twice the size.

    The browser begins every page with axe (`examine`).
    """
    await came.go(path)
    found: list[str] = []
    for theme in THEMES:
        await came.page.emulate_media(color_scheme=theme)
        found += await came.page.evaluate(FINDINGS, theme)
    if twice is not None:
        usual = came.page.viewport_size
        assert usual is not None
        await came.page.set_viewport_size(twice)
        for wrong in (WIDER_THAN_THE_SCREEN, BROKEN):
            found += [f"200 %: {one}" for one in await came.page.evaluate(wrong)]
        await came.page.set_viewport_size(usual)
    return [f"{path}: {one}" for one in [*found, *came.complaints]]


async def examine(came: Visitor) -> Visitor:
    """Begin every page of a visitor with axe: to send it to each page takes 150 ms."""
    await came.page.add_init_script(path=AXE)
    return came


async def citizen(new_visitor: NewVisitor, url: str, number: int, **how: Any) -> Visitor:
    """Somebody who has booked, in a view and with or without scripts."""
    view = how.pop("view")
    came = await new_visitor(**how)
    cookies = {"session": await book_by_api(url, number), "view": view}
    await came.page.context.add_cookies(
        [{"name": name, "value": value, "url": url} for name, value in cookies.items()]
    )
    return came


@pytest.mark.parametrize("view", ["standard", "elder"])
async def test_every_page_of_the_citizens_is_legible_to_all_and_at_twice_the_size(
    new_visitor: NewVisitor, city_url: str, city_database_url: str, view: str
) -> None:
    number = NUMBER + (view == "elder")
    came = await examine(await citizen(new_visitor, city_url, number, view=view))
    found: list[str] = []
    for path in citizens_paths(examples(city_database_url)):
        found += await findings_of(came, path, TWICE_THE_SIZE)
    assert found == []


async def test_every_page_of_the_staff_is_legible_to_all_and_at_twice_the_size(
    new_visitor: NewVisitor, city_database_url: str
) -> None:
    ids = examples(city_database_url)
    found: list[str] = []
    walked: set[str] = set()
    for role, login in LOGINS.items():
        came = await examine(await at_work(new_visitor, login))
        for path in staff_paths(role, ids):
            if path not in walked:
                found += await findings_of(came, path, DESK_TWICE_THE_SIZE)
                walked.add(path)
    came = await examine(await new_visitor())
    for path in (*open_paths(ids), *OTHER_PATHS):
        size = DESK_TWICE_THE_SIZE if path.startswith("/staff") else TWICE_THE_SIZE
        found += await findings_of(came, path, size)
    assert found == []


@pytest.mark.parametrize("view", ["standard", "elder"])
async def test_without_scripts_nothing_on_a_page_of_the_citizens_is_dead(
    new_visitor: NewVisitor, city_url: str, city_database_url: str, view: str
) -> None:
    number = NUMBER + 2 + (view == "elder")
    came = await citizen(new_visitor, city_url, number, view=view, java_script_enabled=False)
    paths = citizens_paths(examples(city_database_url))
    assert await dead_of(came, [*paths, *OTHER_PATHS, "/search?q=眼科"]) == []


async def test_without_scripts_nothing_on_a_page_of_the_staff_is_dead(
    new_visitor: NewVisitor, city_database_url: str
) -> None:
    ids = examples(city_database_url)
    found: list[str] = []
    for role, login in LOGINS.items():
        at_desk = await at_work(new_visitor, login)
        state = await at_desk.page.context.storage_state()
        came = await new_visitor(viewport=DESKTOP, java_script_enabled=False, storage_state=state)
        found += await dead_of(came, staff_paths(role, ids))
    assert found == []


async def dead_of(came: Visitor, paths: list[str]) -> list[str]:
    """What does nothing on these pages, of all that can be seen."""
    found: list[str] = []
    for path in paths:
        if path not in GUIDES:
            await came.go(path)
            found += [f"{path}: {one}" for one in await came.page.evaluate(DEAD)]
    return found


async def test_every_role_is_walked() -> None:
    """An agent's pages are a supervisor's, an auditor's an administrator's."""
    ids = dict.fromkeys(EXAMPLES, "1")
    walked = {path for role in LOGINS for path in staff_paths(role, ids)}
    assert {path for role in Role for path in staff_paths(role, ids)} == walked


# The budget of a first visit ---------------------------------------------------------------------

FIRST_VISIT_BYTES_MAX = 60_000
LATENCY_SECONDS = 0.4
BYTES_A_SECOND = 50_000
FIRST_CONTENT_SECONDS_MAX = 2.0
BLOCKING = """
() => [...document.querySelectorAll("head link[rel=stylesheet], head script:not([defer])")]
  .map((one) => one.href ?? one.src)
"""


async def test_a_first_visit_is_small_and_shows_something_within_two_seconds(
    new_visitor: NewVisitor,
) -> None:
    """Bytes and round trips are counted and the time follows from them: no clock is read.

    The first content needs the page, then its style sheets at the same time: two answers after
    each other, each after the latency, and all their bytes at the rate of the line. Scripts are
    deferred, and no style sheet imports another.
    """
    came = await new_visitor()
    devtools = await came.page.context.new_cdp_session(came.page)
    await devtools.send("Network.enable")
    await devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def sent(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["request"]["url"]

    def loaded(event: dict[str, Any]) -> None:
        sizes[urls[event["requestId"]]] = int(event["encodedDataLength"])

    devtools.on("Network.requestWillBeSent", sent)
    devtools.on("Network.loadingFinished", loaded)
    await came.go("/")
    await came.page.wait_for_load_state("networkidle")
    assert sum(sizes.values()) <= FIRST_VISIT_BYTES_MAX, sizes
    needed = [came.page.url, *await came.page.evaluate(BLOCKING)]
    imports = "[...document.styleSheets].some((s) => [...s.cssRules].some((r) => r.type === 3))"
    assert not await came.page.evaluate(imports)
    assert all(
        urlsplit(url).netloc == urlsplit(came.base).netloc
        for url in sizes
        if not url.startswith("data:")
    )
    seconds = 2 * LATENCY_SECONDS + sum(sizes[url] for url in needed) / BYTES_A_SECOND
    assert seconds <= FIRST_CONTENT_SECONDS_MAX, {url: sizes[url] for url in needed}
