"""Somebody with a browser at a server of ours, and what must hold on every page they see."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    async_playwright,
)
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from tests.browser.reach.walking import is_walked

# Without the windows of a whole browser it takes less than half of the processor's time.
HEADLESS_SHELL = shutil.which("chromium-headless-shell")
CHROMIUM = HEADLESS_SHELL or shutil.which("chromium")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
# A busy machine takes its time: what does not come within a minute does not come.
PATIENCE_SECONDS = 60
# The browser tells the console of every refused form; what must not be is any other error.
REFUSED = re.compile(
    r"the server responded with a status of 4\d\d|Service Worker registration blocked by Playwright"
)
FINDINGS = """
async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
}
"""


def needs_chromium() -> None:
    """Skip where there is no browser; on the machine that judges changes there must be one."""
    if CHROMIUM is None and "CI" not in os.environ:
        pytest.skip("chromium is not installed")


@dataclass
class Visitor:
    """One browser window, and what its console complained of."""

    base: str
    page: Page
    complaints: list[str] = field(default_factory=list)
    # Whether the page came as the walk over every page sees it: no form sent, nothing refused.
    is_plain: bool = True

    async def go(self, path: str) -> None:
        """Open a page by its address."""
        await self.page.goto(self.base + path)

    @property
    def path(self) -> str:
        """Where the browser stands, without the query."""
        return urlsplit(self.page.url).path

    async def press(self, name: str) -> None:
        """Press the button or follow the link of that name, and wait for the next page."""
        main = self.page.get_by_role("main")
        button = main.get_by_role("button", name=name, exact=True)
        link = main.get_by_role("link", name=name, exact=True)
        try:
            await button.or_(link).first.wait_for()
            async with self.page.expect_navigation():
                await (button if await button.count() else link).click()
        except PlaywrightTimeoutError as error:
            # What stands there instead says more than that something is missing.
            said = f"no next page by {name} on {self.path}: {await self.text()}"
            raise AssertionError(said) from error

    async def fill(self, label: str, text: str) -> None:
        """Type into the field of that label."""
        await self.page.get_by_label(label, exact=True).fill(text)

    async def focused(self, selector: str) -> None:
        """Wait until such an element is in focus.

        A browser gives it to `autofocus` with the first picture of the page, which may come
        after all has loaded; whoever types sees the cursor first.
        """
        await self.page.wait_for_function("(s) => document.activeElement.matches(s)", arg=selector)

    async def log_in(self, phone: str, *, english: bool = False) -> None:
        """From the login page to wherever it leads, as a person does it."""
        words = (
            ("Mobile number", "Send me a one-time password", "One-time password", "Log in")
            if english
            else ("手机号", "获取验证码", "验证码", "登录")
        )
        await self.fill(words[0], phone)
        sent = len(await self.one_time_passwords(phone))
        await self.press(words[1])
        assert self.path == "/login/code", await self.text()
        await self.fill(words[2], await self.one_time_password(phone, after=sent))
        await self.press(words[3])
        if self.path == "/login/confirm":
            await self.fill(
                "Document number" if english else "证件号码", await self.document(phone)
            )
            await self.press("Confirm" if english else "确认")

    async def document(self, phone: str) -> str:
        """The number of a document that is registered to this phone."""
        async with httpx.AsyncClient(base_url=self.base) as client:
            answer = await client.get("/demo/documents", params={"phone": phone})
            number: str = answer.json()["items"][0]["id_no"]
            return number

    async def one_time_password(self, phone: str, after: int = 0) -> str:
        """The digits of the newest SMS to this phone, as soon as there are more than `after`."""
        for _ in range(PATIENCE_SECONDS * 10):
            sent = await self.one_time_passwords(phone)
            if len(sent) > after:
                return sent[0]
            await asyncio.sleep(0.1)
        raise AssertionError("no SMS came")

    async def one_time_passwords(self, phone: str) -> list[str]:
        """The one-time passwords that this phone has got so far, the newest first."""
        async with httpx.AsyncClient(base_url=self.base) as client:
            answer = await client.get("/demo/outbox", params={"to": phone, "limit": 100})
        sent = [item["text"] for item in answer.json()["items"] if item["kind"] == "otp"]
        return [re.findall(r"\d{6}", text)[0] for text in sent]

    async def text(self) -> str:
        """What the page says."""
        return await self.page.get_by_role("main").inner_text()

    async def check(self) -> None:
        """What must hold on every page: legible to all, no complaint, nothing cut off.

        Plain pages are looked at by axe in tests/browser/reach/test_every_page.py.
        """
        assert self.complaints == [], self.complaints
        assert await self.page.title()
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await self.page.evaluate(wide), f"{self.page.url} is too wide"
        if self.is_plain and not urlsplit(self.page.url).query and is_walked(self.path):
            return
        if await self.page.evaluate("typeof axe") == "undefined":
            # By the debugger: a script in the page is what the policy forbids.
            await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        findings = await self.page.evaluate(FINDINGS)
        assert findings == [], findings

    async def elder_targets(self) -> list[str]:
        """Buttons, links and fields smaller than the elder view promises (60 px, 18 px)."""
        found: list[str] = await self.page.evaluate(ELDER)
        return found


ELDER = """
() => {
  const small = [];
  for (const one of document.querySelectorAll("a, button, input, select, label.choice")) {
    const box = one.getBoundingClientRect();
    if (!box.height || one.type === "hidden" || one.closest(".skip, label.choice *")) continue;
    if (box.height < 60) small.push(`${one.outerHTML}: ${box.height} px high`);
  }
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const around = words.currentNode.parentElement;
    if (around.closest("svg")) continue; // a drawing: its sizes are not the page's
    const shown = words.currentNode.data.trim() && around.getBoundingClientRect().height;
    const size = parseFloat(getComputedStyle(around).fontSize);
    if (shown && size < 18) small.push(`${words.currentNode.data.trim()}: ${size} px`);
  }
  return small;
}
"""


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        await chromium.close()


async def visitor(base: str, chromium: Browser, **how: Any) -> Visitor:
    """A new visitor: a Chinese phone unless told otherwise; no cookies yet."""
    context = await chromium.new_context(
        **{
            "viewport": PHONE,
            "locale": "zh-CN",
            "reduced_motion": "reduce",
            "service_workers": "block",  # its requests pass by what a test intercepts
            **how,
        }
    )
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    came = Visitor(base, await context.new_page())

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not REFUSED.search(message.text):
            came.complaints.append(message.text)

    def asks(request: Request) -> None:
        if request.is_navigation_request():
            came.is_plain = request.method == "GET"
        elif request.method != "GET":
            came.is_plain = False  # a part of the page is exchanged

    def answered(response: Response) -> None:
        if response.request.is_navigation_request() and not response.ok:
            came.is_plain = came.is_plain and 300 <= response.status < 400

    came.page.on("request", asks)
    came.page.on("response", answered)
    came.page.on("console", complain)
    came.page.on("pageerror", lambda error: came.complaints.append(str(error)))
    return came
