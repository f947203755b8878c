"""/static: the files that pages load, read once at start and served from memory.

Each URL carries a digest of its file, so that browsers can cache it for a year and still never
show an old style on a new page.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.http.answers import Answer, accepts_gzip
from guahao.web.http.reading import ApiRequest, ProblemError, header

_STATIC = Path(__file__).parents[1] / "static"
_DIGEST_CHARACTERS = 12
_FOR_A_YEAR = b"public, max-age=31536000, immutable"
_FOR_AN_HOUR = b"public, max-age=3600"
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


def asset_routes() -> list[HTTPRouteHandler]:
    """Return the route GET /static/…."""

    @get("/static/{path:path}")
    async def static(request: ApiRequest) -> ASGIApp:
        asset = assets().get(str(request.path_params["path"]).removeprefix("/"))
        if asset is None:
            raise ProblemError("not_found")
        return _answer(request, asset)

    return [static]


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
    if asset.zipped is not None and accepts_gzip(request.scope):
        return Answer(200, asset.zipped, [*headers, (b"content-encoding", b"gzip")])
    return Answer(200, asset.body, headers)
