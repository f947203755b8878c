"""Slow and missing networks: what waits says so, what was typed is not lost or sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Request
from playwright.async_api import Route as PlaywrightRoute
from tests.browser.caller import book_by_api
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor, visitor
from tests.city import phone

# Playwright's clicks, locators and evaluations wait for a page that is on its way, so the page
# taps by itself: once, and again as soon as it shows that it waits.
TAP_TWICE = """
() => {
  const button = document.querySelector("main form button");
  const waiting = document.getElementById("waiting");
  new MutationObserver(() => {
    if (waiting.hidden) return;
    button.click();
    window.tappedTwice();
  }).observe(waiting, { attributes: true });
  setTimeout(() => button.click());
}
"""

KEPT_OF_BOOKINGS = """
caches.open("kept").then((cache) => cache.keys()).then((requests) =>
  requests.map(({ url }) => new URL(url).pathname)
    .filter((path) => path.startsWith("/bookings/")).sort())
"""

WAIT_SECONDS = 60.0  # at most, on a busy machine
_numbers = count(941)


class Line:
    """A network between the browser and the server, which can be cut."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._port = 0
        self._listening: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        self._listening = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._listening is not None
        self._listening.close()
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(self._server.hostname, self._server.port)
        self._open |= {writer, behind[1]}
        await asyncio.gather(self._pass(reader, behind[1]), self._pass(behind[0], writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def line(city_url: str) -> AsyncIterator[Line]:
    line = Line(city_url)
    await line.mend()
    yield line
    await line.cut()


@pytest_asyncio.fixture(loop_scope="session")
async def came(line: Line, chromium: Browser) -> AsyncIterator[Visitor]:
    """A visitor with the service worker, behind the line."""
    came = await visitor(line.url, chromium, service_workers="allow")
    await came.go("/help")
    await came.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await came.page.wait_for_function("navigator.serviceWorker.controller !== null")
    yield came
    await came.page.context.close()


async def test_without_a_network_a_page_says_that_nothing_is_lost(
    came: Visitor, line: Line
) -> None:
    await line.cut()
    await came.go("/hospitals/1")
    text = await came.text()
    assert "没有网络，您的号不会丢" in text
    assert "No connection. Your place is not lost" in text
    assert "安澜" not in text  # nothing stale is served as if it held
    assert await came.page.evaluate("getComputedStyle(document.body).fontSize") == "17px"
    await line.mend()
    async with came.page.expect_navigation():
        await came.page.get_by_role("button").click()
    assert "选择科室" in await came.text()


async def test_a_form_that_was_cut_off_is_sent_again_with_its_key(
    came: Visitor, line: Line
) -> None:
    number = next(_numbers)
    await book_by_api(line.url, number)  # registers the patient
    await came.go("/login?next=/")
    await came.log_in(phone(number))
    await came.go("/search?q=xxgnk")
    await came.page.locator("#results a").first.click()
    await came.page.locator(".slot__book:not(.slot__book_apply)").last.click()
    await came.page.locator("[name=patient_id]").first.check()
    key = await came.page.locator("[name=key]").input_value()
    await line.cut()
    async with came.page.expect_navigation():
        # The network is there as far as the phone knows: the form goes out.
        await came.page.locator("#book button[type=submit], #book .action").last.click()
    assert "没有网络" in await came.text()
    assert await came.page.locator("[name=key]").input_value() == key
    await line.mend()
    async with came.page.expect_navigation():
        await came.page.get_by_role("button").click()
    assert came.path.startswith("/bookings/"), await came.text()


async def test_a_booking_is_kept_on_the_phone_only_when_asked_and_until_log_out(
    came: Visitor, line: Line
) -> None:
    number = next(_numbers)
    await book_by_api(line.url, number)
    await came.go("/login?next=/bookings")
    await came.log_in(phone(number))
    async with came.page.expect_navigation():
        await came.page.locator("main a[href^='/bookings/']").first.click()
    booking, code = came.path, await came.page.locator("#code").inner_text()
    await line.cut()
    await came.go(booking)
    assert "没有网络" in await came.text()
    assert code not in await came.text()
    await line.mend()
    await came.go(booking)
    await came.page.get_by_role("button", name="保存到这部手机").click()
    await came.page.get_by_role("button", name="从手机上删除").wait_for()
    await line.cut()
    await came.go(booking)
    assert code in await came.text()
    assert "保存在手机上的页面" in await came.text()
    await came.go("/")
    assert await came.page.locator(f"nav a[href='{booking}']").count() == 1
    await line.mend()
    await came.go(booking)  # fresh as soon as there is a network
    assert "保存在手机上的页面" not in await came.text()
    assert await came.page.evaluate(KEPT_OF_BOOKINGS) == [booking, f"{booking}/code.svg"]
    await came.page.get_by_role("button", name="从手机上删除").click()
    await came.page.get_by_role("button", name="保存到这部手机").wait_for()
    assert await came.page.evaluate(KEPT_OF_BOOKINGS) == []
    await came.page.get_by_role("button", name="保存到这部手机").click()
    await came.page.get_by_role("button", name="从手机上删除").wait_for()
    await came.go("/me")
    await came.press("退出登录")
    assert not await came.page.evaluate("caches.has('kept')")


async def test_who_waits_sees_it_and_a_second_tap_sends_nothing(new_visitor: NewVisitor) -> None:
    came = await new_visitor()
    await came.go("/login?next=/")
    sent: list[Request] = []
    let_go, tapped_twice = asyncio.Event(), asyncio.Event()

    async def hold(route: PlaywrightRoute, request: Request) -> None:
        if request.method != "POST":
            await route.continue_()
            return
        sent.append(request)
        await let_go.wait()
        await route.continue_()

    await came.page.route("**/*", hold)
    await came.page.expose_function("tappedTwice", tapped_twice.set)
    await came.fill("手机号", phone(next(_numbers)))
    async with came.page.expect_navigation():
        await came.page.evaluate(TAP_TWICE)
        await asyncio.wait_for(tapped_twice.wait(), WAIT_SECONDS)
        assert len(sent) == 1
        let_go.set()
    assert came.path == "/login/code"
    assert len(sent) == 1
    assert not await came.page.get_by_text("请稍候…").is_visible()


async def test_a_phone_that_knows_it_is_offline_keeps_the_form(new_visitor: NewVisitor) -> None:
    came = await new_visitor()
    await came.go("/login?next=/")
    await came.fill("手机号", phone(next(_numbers)))
    await came.page.wait_for_load_state("networkidle")
    await came.page.context.set_offline(True)
    await came.page.get_by_role("button", name="获取验证码").click()
    await came.page.get_by_text("没有网络，您的号不会丢").wait_for()
    assert came.path == "/login"
    await came.page.context.set_offline(False)
    await came.page.get_by_text("没有网络，您的号不会丢").wait_for(state="hidden")
    await came.press("获取验证码")
    assert came.path == "/login/code"


async def test_the_service_worker_is_asked_for_anew_and_changes_with_the_pages(
    city_url: str,
) -> None:
    async with httpx.AsyncClient(base_url=city_url) as client:
        script = await client.get("/sw.js")
        page = await client.get("/offline")
    assert script.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"].startswith("text/javascript")
    assert 'const VERSION = "' in script.text
    assert "set-cookie" not in page.headers
