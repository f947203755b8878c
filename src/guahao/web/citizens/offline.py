"""What a phone shows without a network: the service worker and its page."""

from __future__ import annotations

import hashlib
from functools import cache

from litestar.types import ASGIApp

from guahao.web.citizens.page import Page, Route
from guahao.web.framework.templating import TEMPLATES
from guahao.web.http.answers import Answer
from guahao.web.http.assets import assets

_VERSION_CHARACTERS = 12


def offline_pages() -> list[Route]:
    """Return GET /offline and GET /sw.js, whose path gives it all pages of the site."""
    return [
        Route("GET", "/offline", _offline, asks_nobody=True),
        Route("GET", "/sw.js", _service_worker, asks_nobody=True),
    ]


async def _offline(page: Page) -> ASGIApp:
    return page.render("offline.html")


async def _service_worker(_: Page) -> ASGIApp:
    headers = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"cache-control", b"no-cache"),
    ]
    return Answer(200, _script(), headers)


@cache
def _script() -> bytes:
    """Return the script with a version that changes with all it shows, so that phones take it."""
    of_assets = "".join(asset.digest for asset in assets().values()).encode()
    shown = of_assets + (TEMPLATES / "offline.html").read_bytes()
    version = hashlib.sha256(shown).hexdigest()[:_VERSION_CHARACTERS]
    return f'"use strict";\nconst VERSION = "{version}";\n'.encode() + assets()["sw.js"].body
