"""No dead end in a browser: every link and button of every refusal is pressed, and leads on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import pytest_asyncio
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar
from playwright.async_api import Browser, Response
from tests.acceptance.ports import free_port
from tests.browser.visitor import Visitor, visitor
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.supply import Rows
from tests.web.citizens.booking.refusals import (
    APPLYING,
    BY_SELF_SERVICE,
    CANCELLING,
    EVERYWHERE,
    OTHERS,
    REFUSALS,
    SELF_SERVICE,
    Attempt,
    Stage,
    before_own_moment,
    booking_of,
)
from tests.web.citizens.test_pages_booking import add_citizen
from tests.web.site import Site

from guahao.flows.booking.desk import Desk
from guahao.flows.booking.velocity import GATE_SECONDS
from guahao.rules.kernel.limits import NEW_CITY, Policy
from guahao.settings import Settings
from guahao.web.app import create_app

OWN_MOMENT_SECONDS = 31
AT_ONCE = 3  # requests to book, before the desk finds that they come too fast
SEND = """
([path, fields]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: path });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}
"""

# Each is numbered, to be pressed by its place.
WAYS = """
([everywhere, refused]) => {
  const found = [...document.querySelectorAll("main :is(a[href], button, input[type=submit])")]
    .filter((one) => one.checkVisibility() && !everywhere.includes(one.getAttribute("href")))
    .filter((one) => !refused || !one.form || one.form.getAttribute("action") !== refused);
  found.forEach((one, place) => { one.dataset.way = place; });
  return found.map((one) => one.getAttribute("href") ?? one.innerText);
}
"""


class Front:
    """A server for all tests here, in front of the application of the one that runs."""

    def __init__(self) -> None:
        self.port = free_port()
        self.app: Litestar

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def front() -> AsyncIterator[Front]:
    served = Front()
    server = Server(
        served, port=served.port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
    )
    task = asyncio.create_task(server.serve())
    yield served
    server.stop()  # type: ignore[no-untyped-call]
    await task


Open = Callable[..., Awaitable[Stage]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def open_stage(database_url: str, front: Front, clock: Clock) -> AsyncIterator[Open]:
    """A function that opens a city with a policy, behind the server."""
    settings = Settings(bookings_per_account_minute=1000)
    async with AsyncExitStack() as stack:
        rows = Rows(stack.enter_context(psycopg.connect(database_url, autocommit=True)))

        async def opened(policy: Policy | None = None) -> Stage:
            platform = await stack.enter_async_context(
                open_platform(database_url, clock, settings=settings, policy=policy)
            )
            desk = await stack.enter_async_context(open_desk(platform))
            front.app = create_app(platform, desk)
            return Stage(Site(front.app, platform), rows, clock)

        yield opened


class Window:
    """The browser of somebody who is refused, and what failed in it."""

    def __init__(self, came: Visitor) -> None:
        self.visitor = came
        self.csrf = self.said = ""  # of the citizen's forms; the heading of their refusal
        self.failed: list[str] = []
        came.page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.status} {urlsplit(response.url).path}")

    async def enter(self, attempt: Attempt) -> None:
        """Become the citizen of an attempt, at the page of what they want to book."""
        reader, context = attempt.citizen.reader, self.visitor.page.context
        refused = await attempt.send()
        [self.said] = re.findall(r"<h1>(.+?)</h1>", refused.text)
        await reader.go("/me")
        self.csrf = reader.form("/logout").fields["csrf"]
        await context.clear_cookies()
        for cookie in reader.client.cookies.jar:
            await context.add_cookies(
                [{"name": cookie.name, "value": cookie.value or "", "url": self.visitor.base}]
            )
        await self.visitor.go(attempt.path)
        self.forget()

    async def send(self, attempt: Attempt) -> None:
        """Send the form as from a page that was opened before; the refusal arrives."""
        page = self.visitor.page
        async with page.expect_navigation() as arriving:
            await page.evaluate(SEND, [attempt.path, {"csrf": self.csrf} | attempt.fields])
        assert (await arriving.value).status >= 400, attempt.path
        assert await page.locator("main h1").inner_text() == self.said
        self.forget()

    async def ways(self, attempt: Attempt | None = None) -> list[str]:
        """Return what can be pressed in the middle of the page: addresses, and words on buttons.

        The button of the form that was refused is none: the form is to be corrected first.
        """
        but = [sorted(EVERYWHERE), attempt.path if attempt else None]
        found: list[str] = await self.visitor.page.evaluate(WAYS, but)
        return found

    async def press(self, place: int, named: str) -> None:
        """Press it; a page arrives that is no refusal, and from which there is a way."""
        page = self.visitor.page
        if named.startswith("tel:"):
            assert re.fullmatch(r"tel:\d{3,}", named)  # the phone dials; no page arrives
            return
        async with page.expect_navigation() as arriving:
            await page.locator(f"[data-way='{place}']").click()
        answer = await arriving.value
        assert answer.status < 400, f"{named}: {answer.status}"
        assert await self.ways(), f"{named}: {self.visitor.path} leads nowhere"
        assert not await page.locator(".refused").count(), f"{named}: refused again"
        assert (self.failed, self.visitor.complaints) == ([], []), named

    def forget(self) -> None:
        self.failed.clear()
        self.visitor.complaints.clear()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window(front: Front, chromium: Browser) -> AsyncIterator[Window]:
    """One for all: a new one reads every script and style again."""
    came = await visitor(front.url, chromium)
    yield Window(came)
    await came.page.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def still_window(front: Front, chromium: Browser) -> AsyncIterator[Window]:
    """One whose pages do nothing by themselves: their clock is the test's."""
    came = await visitor(front.url, chromium)
    await came.page.clock.install()
    yield Window(came)
    await came.page.context.close()


async def press_all(window: Window, stage: Stage, attempt: Attempt) -> list[str]:
    """Press everything that the refusal offers, each on a fresh copy of it; return what it was."""
    await window.send(attempt)
    ways = await window.ways(attempt)
    assert ways, await window.visitor.text()
    for place, named in enumerate(ways):
        if place >= AT_ONCE:
            stage.clock.forward(seconds=GATE_SECONDS)
        if place:
            await window.send(attempt)
            assert await window.ways(attempt) == ways
        await window.press(place, named)
    return ways


@pytest.mark.parametrize("name", [*REFUSALS, *OTHERS])
async def test_everything_that_a_refused_booking_offers_leads_on(
    open_stage: Open, window: Window, name: str
) -> None:
    stage = await open_stage()
    attempt = await {**REFUSALS, **OTHERS}[name](stage)
    await window.enter(attempt)
    said_before = await window.ways(attempt)
    pressed = await press_all(window, stage, attempt)
    # The page that says so before anybody asks may offer more.
    for place, named in enumerate(said_before):
        if named not in pressed:
            await window.visitor.go(attempt.path)
            window.forget()
            assert await window.ways(attempt) == said_before
            await window.press(place, named)


@pytest.mark.parametrize("name", [*CANCELLING, *APPLYING])
async def test_so_does_everything_that_a_refused_cancelling_or_application_offers(
    open_stage: Open, window: Window, name: str
) -> None:
    stage = await open_stage(SELF_SERVICE if name in BY_SELF_SERVICE else None)
    attempt = await {**CANCELLING, **APPLYING}[name](stage)
    await window.enter(attempt)
    await press_all(window, stage, attempt)


async def test_before_the_own_moment_the_links_lead_on_and_the_button_books_when_it_has_come(
    open_stage: Open, still_window: Window
) -> None:
    stage, page = await open_stage(NEW_CITY), still_window.visitor.page
    attempt = await before_own_moment(stage)
    await still_window.enter(attempt)
    await press_all(still_window, stage, attempt)
    await still_window.send(attempt)
    stage.clock.forward(seconds=OWN_MOMENT_SECONDS)
    await page.locator("#auto input").uncheck()
    await page.clock.fast_forward(OWN_MOMENT_SECONDS * 1000)
    await still_window.visitor.press("预约")
    assert still_window.visitor.path.startswith("/bookings/")


async def test_a_busy_desk_leads_to_the_booking_by_its_button(
    open_stage: Open, still_window: Window, front: Front
) -> None:
    stage = await open_stage()
    platform = stage.site.platform
    # A desk without a queue is never opened: it has no room for anybody.
    busy = create_app(platform, Desk(platform, lanes=1, batch=1, queue=0))
    calm, front.app = front.app, busy
    attempt = booking_of(await add_citizen(Site(busy, platform)), stage.session())
    await still_window.enter(attempt)
    await press_all(still_window, stage, attempt)
    await still_window.send(attempt)
    front.app = calm
    await still_window.visitor.press("再试一次")
    assert still_window.visitor.path.startswith("/bookings/")
