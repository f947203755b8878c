"""A server over a small demo city, one for all tests of a process, and a browser for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from psycopg import sql
from tests.acceptance.ports import free_port
from tests.browser.visitor import Visitor, browser, needs_chromium, visitor
from tests.conftest import SOURCES
from tests.databases import with_database

START_SECONDS = 180
NOW = "2026-11-30T09:00:00"

NewVisitor = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session")
def city_database_url(server_url: str, template_database: str) -> Iterator[str]:
    """The demo city's database, as its owner; dropped at the end."""
    needs_chromium()
    name = f"guahao_browser_{uuid4().hex}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as conn:
        template = sql.Identifier(template_database)
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, template))
    yield with_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture(scope="session")
def city_url(city_database_url: str) -> Iterator[str]:
    """Where a demo city of three hospitals is served, with a worker that sends its SMS."""
    folder = Path(tempfile.mkdtemp(prefix="guahao-browser-"))
    environ = _environ(city_database_url, folder)
    _guahao(environ, "demo", "seed", "--hospitals", "3", "--days", "30", "--patients", "50")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "guahao", "up"], env=environ, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{environ['GUAHAO_PORT']}"
        _wait(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        shutil.rmtree(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all tests here: they share a browser, which takes a second to start.

    Photographs come first, while the city is as it was made.
    """
    items.sort(key=lambda item: "photographs" not in item.path.parts)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser; every visitor has cookies of their own in it."""
    needs_chromium()
    async with browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def new_visitor(city_url: str, chromium: Browser) -> AsyncIterator[NewVisitor]:
    """A function that gives a new visitor; takes what a browser's context takes."""

    async def new(**how: Any) -> Visitor:
        return await visitor(city_url, chromium, **how)

    yield new
    for context in chromium.contexts:
        await context.close()


def _environ(database_url: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATABASE_URL": database_url,
        "GUAHAO_DATA_DIR": str(folder),
        "GUAHAO_PORT": str(free_port()),
        "GUAHAO_CLOCK_START": NOW,
    }


def _guahao(environ: dict[str, str], *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "guahao", *words], env=environ, check=True, capture_output=True
    )


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
