"""/static: the files that pages load, read once at start and served from memory.

Each URL carries a digest of its file, so that browsers can cache it for a year and still never
show an old style on a new page.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import brotli
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.brand import Mark, stylesheet
from guahao.web.http.answers import Answer, accepts_gzip
from guahao.web.http.reading import ApiRequest, ProblemError, header

_STATIC = Path(__file__).parents[1] / "static"
_DIGEST_CHARACTERS = 12
_FOR_A_YEAR = b"public, max-age=31536000, immutable"
_FOR_AN_HOUR = b"public, max-age=3600"
_BROTLI_BYTES_MAX = 200_000
_BROTLI = re.compile(rb"br(\s*;\s*q=(1|0?\.0*[1-9]).*)?")
_TEXTS = ("text/", "application/javascript", "application/json", "image/svg+xml")


@dataclass(frozen=True)
class Asset:
    """A static file, with its compressed form."""

    body: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        """Return a digest that changes with the content."""
        return hashlib.sha256(self.body).hexdigest()[:_DIGEST_CHARACTERS]

    @cached_property
    def zipped(self) -> bytes | None:
        """Return the gzipped body of a text file; None for other files."""
        if not self.media_type.startswith(_TEXTS):
            return None
        return gzip.compress(self.body, mtime=0)

    @cached_property
    def brotli(self) -> bytes | None:
        """Return the body by Brotli, a seventh smaller than gzip; None for large and other files.

        At the best quality a large file would take seconds.
        """
        if self.zipped is None or len(self.body) > _BROTLI_BYTES_MAX:
            return None
        return bytes(brotli.compress(self.body, quality=11))


@cache
def assets() -> dict[str, Asset]:
    """Return every file under static/, by its path there."""
    return {
        file.relative_to(_STATIC).as_posix(): Asset(file.read_bytes(), _media_type(file))
        for file in _files()
        if not file.name.startswith(".")
    }


def _files() -> list[Path]:
    """List all files, following links: vendor/ can be a link to another folder."""
    walked = os.walk(_STATIC, followlinks=True)
    return sorted(Path(folder) / name for folder, _, names in walked for name in names)


def _media_type(file: Path) -> str:
    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def asset_address(path: str) -> str:
    """Return the URL of a file of static/; raise KeyError where there is no such file."""
    return f"/static/{path}?v={assets()[path].digest}"


@lru_cache(maxsize=8)
def brand_assets(colour: str | None, mark: Mark | None) -> dict[str, Asset]:
    """Return the files that a city's settings make: the tokens of its colour, and its mark."""
    made = {}
    if colour is not None:
        made["brand.css"] = Asset(stylesheet(colour).encode(), "text/css; charset=utf-8")
    if mark is not None:
        made[f"mark.{mark.suffix}"] = Asset(mark.data, mark.media_type)
    return made


def brand_addresses(colour: str | None, mark: Mark | None) -> tuple[str, str]:
    """Return the URLs of the mark, which is ours without a city's own, and of the colour's tokens.

    The second is empty without a colour.
    """
    own = {
        path.partition(".")[0]: f"/static/{path}?v={asset.digest}"
        for path, asset in brand_assets(colour, mark).items()
    }
    return own.get("mark") or asset_address("icon.svg"), own.get("brand", "")


def asset_routes(brand: Mapping[str, Asset]) -> list[HTTPRouteHandler]:
    """Return the route GET /static/…; `brand`: the city's own files."""

    @get("/static/{path:path}")
    async def static(request: ApiRequest) -> ASGIApp:
        path = str(request.path_params["path"]).removeprefix("/")
        asset = assets().get(path) or brand.get(path)
        if asset is None:
            raise ProblemError("not_found")
        return _answer(request, asset)

    return [static]


def _accepts_brotli(request: ApiRequest) -> bool:
    accepted = (header(request.scope, b"accept-encoding") or b"").split(b",")
    return any(_BROTLI.fullmatch(part.strip()) for part in accepted)


def _answer(request: ApiRequest, asset: Asset) -> Answer:
    tag = f'"{asset.digest}"'.encode()
    named = request.scope["query_string"] == b"v=" + asset.digest.encode()
    headers = [
        (b"content-type", asset.media_type.encode()),
        (b"cache-control", _FOR_A_YEAR if named else _FOR_AN_HOUR),
        (b"vary", b"accept-encoding"),
        (b"etag", tag),
    ]
    if header(request.scope, b"if-none-match") == tag:
        return Answer(304, b"", headers)
    if asset.brotli is not None and _accepts_brotli(request):
        return Answer(200, asset.brotli, [*headers, (b"content-encoding", b"br")])
    if asset.zipped is not None and accepts_gzip(request.scope):
        return Answer(200, asset.zipped, [*headers, (b"content-encoding", b"gzip")])
    return Answer(200, asset.body, headers)
