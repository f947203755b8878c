"""Take the pictures of README.md: `make pictures`.

Starts a small demo city of its own on a fixed day, and a browser.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import Browser, Page, async_playwright

HERE = Path(__file__).parent
CLOCK = "2026-11-23T10:00:00+08:00"
CITY = ("--hospitals", "12", "--days", "30", "--patients", "4000")
START_SECONDS = 120
PHONE, DESK = (390, 780), (1180, 780)


@dataclass(frozen=True)
class Picture:
    """A page, which member of the staff looks at it, if any, and on what screen."""

    name: str
    path: str
    by: str = ""
    size: tuple[int, int] = PHONE
    language: str = "zh-CN"


PICTURES = (
    Picture("home", "/"),
    Picture("department", "/departments/FIRST"),
    Picture("hospital", "/hospitals/1", language="en-US"),
    Picture("reports", "/staff/reports", "auditor", DESK),
    Picture("fill", "/staff/reports/fill?period=last30", "admin", DESK, "en-US"),
    Picture("schedule", "/staff/schedule", "scheduler", DESK),
)


async def take(base: str, pictures: tuple[Picture, ...], into: Path) -> None:
    """Take pictures of a running demo."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium())
        for picture in pictures:
            page = await _page(browser, base, picture)
            path = picture.path.replace("FIRST", str(_department(base)))
            await page.goto(base + path)
            await page.wait_for_load_state("networkidle")
            await page.wait_for_timeout(1200)  # until the charts have been drawn
            target = into / f"{picture.name}.png"
            await page.screenshot(path=target)
            print(f"{target.name}: {target.stat().st_size // 1000} kB")
            await page.context.close()
        await browser.close()


def _chromium() -> str | None:
    """Return the machine's browser; without one Playwright uses its own, if that is installed."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


async def _page(browser: Browser, base: str, picture: Picture) -> Page:
    width, height = picture.size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale=picture.language
    )
    page = await context.new_page()
    if picture.by:
        await _log_in(page, base, picture.by)
    return page


async def _log_in(page: Page, base: str, login: str) -> None:
    member = _member(base, login)
    await page.goto(f"{base}/staff/login")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", member["password"])
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    while page.url.endswith("/staff/code"):  # a code serves once: wait for the next one
        await page.fill("input:not([type=hidden])", _member(base, login)["code"])
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        if page.url.endswith("/staff/code"):
            await asyncio.sleep(5)


def _member(base: str, login: str) -> dict[str, str]:
    answer = httpx.get(f"{base}/demo/staff-codes", headers={"Accept": "application/json"})
    found: dict[str, str]
    [found] = [item for item in answer.json()["items"] if item["login"] == login]
    return found


def _department(base: str) -> int:
    answer = httpx.get(f"{base}/api/v1/hospitals/1/departments")
    return next(int(item["id"]) for item in answer.json()["items"] if item["parent"])


def main() -> None:
    """Start the demo, take the pictures, stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "GUAHAO_DATA_DIR": folder,
            "GUAHAO_PORT": str(port),
            "GUAHAO_CLOCK_START": CLOCK,
        }
        guahao = (sys.executable, "-m", "guahao")
        subprocess.run((*guahao, "demo", "seed", *CITY), env=environ, check=True)
        server = subprocess.Popen((*guahao, "up"), env=environ)
        try:
            _wait(base)
            asyncio.run(take(base, PICTURES, HERE))
        finally:
            server.terminate()
            server.wait()


def _wait(base: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(f"{base}/api/v1/hospitals").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise TimeoutError("the demo did not start")


if __name__ == "__main__":
    main()
