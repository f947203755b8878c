"""Answers that are the same for everybody, served before routing (docs/decisions/0046).

Rendered by the application at most once a second for each `PublicRequest`, compressed once, and
served from memory with an ETag.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from hashlib import sha256
from math import inf
from typing import Any, cast

import brotli
import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Send

from guahao.flows.kernel.platform import Platform
from guahao.web.framework.answer_store import STALE_SECONDS, AnswerStore
from guahao.web.framework.metrics import count_public_answer
from guahao.web.framework.public_routes import PublicRequest, PublicRoute, public_request
from guahao.web.http.answers import UnzippedAnswer
from guahao.web.http.reading import header

CACHE_CONTROL = b"public, max-age=1, stale-while-revalidate=5, stale-if-error=5"

_OK = 200
_NOT_MODIFIED = 304
_WORTH_COMPRESSING_BYTES = 1000
_GZIP_LEVEL = 6
_BROTLI_QUALITY = 5  # an eighth smaller than gzip, in the same time
_IN_A_THREAD_BYTES = 100_000  # from this size on, compressing would delay other requests
_DIGEST_CHARACTERS = 20
_HEADERS_BYTES = 400
# What is made anew for every answer; a cookie would be the first reader's.
_REPLACED = frozenset(
    (b"cache-control", b"content-length", b"content-encoding", b"etag", b"vary", b"set-cookie")
)
_OF_THE_CODING = (b"content-length", b"content-encoding")
_MEBIBYTE = 1 << 20

_log = structlog.get_logger("guahao.web")
_Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Variant:
    """An answer in one content coding, with the headers of a 200 and of a 304."""

    body: bytes
    tag: bytes
    headers: _Headers
    headers_unmodified: _Headers


@dataclass(frozen=True, slots=True)
class PublicAnswer:
    """A rendered answer, by content coding (`identity`, `gzip`, `br`); `template`: its route's.

    `modified`: its Last-Modified, where it has one. Files are rendered compressed: a client that
    accepts no gzip gets them unzipped chunk by chunk.
    """

    status: int
    template: str
    variants: dict[str, _Variant]
    modified: datetime | None = None

    @property
    def size(self) -> int | None:
        """Return the bytes to store; None for an error, which is not stored."""
        if self.status != _OK:
            return None
        return sum(_HEADERS_BYTES + len(variant.body) for variant in self.variants.values())

    async def send(self, scope: HTTPScope, send: Send) -> None:
        """Answer a request: in a coding that it accepts, or by 304 if it has this answer."""
        accepted = header(scope, b"accept-encoding")
        variant = self.variants.get("identity")
        if accepted is not None:
            for coding in _codings(accepted):
                if coding in self.variants:
                    variant = self.variants[coding]
                    break
        is_zipped_only = variant is None
        variant = variant or self.variants["gzip"]
        if self.status == _OK and self._is_known(scope, variant.tag):
            await _send(send, _NOT_MODIFIED, variant.headers_unmodified, b"")
        elif is_zipped_only:
            unzipped = [pair for pair in variant.headers if pair[0] not in _OF_THE_CODING]
            await UnzippedAnswer(variant.body, unzipped)(scope, _nothing, send)
        else:
            await _send(send, self.status, variant.headers, variant.body)

    def _is_known(self, scope: HTTPScope, tag: bytes) -> bool:
        """Return whether the client has this answer; a tag overrides a date (RFC 9110)."""
        known = header(scope, b"if-none-match")
        if known is not None:
            # Compared weakly, as for every GET: `W/` makes no difference.
            known_tags = [part.strip().removeprefix(b"W/") for part in known.split(b",")]
            return tag.removeprefix(b"W/") in known_tags or b"*" in known_tags
        if self.modified is None:
            return False
        since = header(scope, b"if-modified-since")
        try:
            return since is not None and self.modified <= parsedate_to_datetime(since.decode())
        except (ValueError, TypeError, OverflowError):  # invalid, or without a zone: ignored
            return False


class PublicAnswers:
    """Answers the public requests of a platform, rendered by the application `app`."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._refresh = platform.refresh
        self._clock = platform.elapsed
        self._store: AnswerStore[PublicAnswer] = AnswerStore(
            platform.elapsed,
            platform.settings.public_cache_mb * _MEBIBYTE,
            count_public_answer,
        )
        # When the holder of a credential last changed something through this process.
        self._changed: OrderedDict[bytes, float] = OrderedDict()

    def changed(self, credentials: list[bytes]) -> None:
        """Record that the holder of these credentials has changed something, perhaps supply."""
        now = self._clock()
        for credential in credentials:
            self._changed[credential] = now
            self._changed.move_to_end(credential)
        while self._changed and now - next(iter(self._changed.values())) > STALE_SECONDS:
            self._changed.popitem(last=False)

    @property
    def awaits_writers(self) -> bool:
        """Return whether somebody has changed something that stored answers may not show yet."""
        return bool(self._changed)

    async def answer(self, scope: HTTPScope, credentials: list[bytes]) -> PublicAnswer | None:
        """Return the answer to a public request; None for any other request.

        A reader who has changed something through this process sees it at once.
        """
        found = public_request(scope)
        if found is None:
            return None
        route, request = found
        after = max((self._changed.get(c, -inf) for c in credentials), default=-inf)
        return await self._store.get(request, partial(self._render, scope, route, request), after)

    async def _render(
        self,
        asked: HTTPScope,
        route: PublicRoute,
        request: PublicRequest,
        before: PublicAnswer | None,
    ) -> PublicAnswer:
        """Let the application answer a request that holds the key and nothing of its reader."""
        await self._refresh()
        scope: dict[str, Any] = {
            **asked,
            "method": "GET",
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query,
            "headers": list(request.headers),
            "client": None,
            "state": {**asked.get("state", {})},
        }
        start: dict[str, Any] = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._app(cast("HTTPScope", scope), _nothing, collect)
        status, headers, body = start["status"], list(start["headers"]), b"".join(parts)
        template = scope.get("path_template", route.path)
        if any(name == b"set-cookie" for name, _ in headers):
            _log.error("public_answer_sets_cookie", route=template)
            headers = [pair for pair in headers if pair[0] != b"set-cookie"]
        if status != _OK:
            return PublicAnswer(status, template, {"identity": _Variant(body, b"", headers, [])})
        packing = partial(_packed, template, headers, body, route.vary, before)
        if len(body) < _IN_A_THREAD_BYTES:
            return packing()
        return await asyncio.to_thread(packing)


def _packed(
    template: str,
    headers: _Headers,
    body: bytes,
    vary: bytes,
    before: PublicAnswer | None,
) -> PublicAnswer:
    """Return the answer of a 200, compressed, with its headers.

    What has not changed since `before` is not compressed again.
    """
    given = dict(headers)
    own_tag = given.get(b"etag")
    digest = sha256(body).hexdigest()[:_DIGEST_CHARACTERS].encode()
    others = [pair for pair in headers if pair[0] not in _REPLACED]
    rendered_as = given.get(b"content-encoding", b"identity").decode()
    bodies = {rendered_as: body}
    if rendered_as == "identity" and len(body) >= _WORTH_COMPRESSING_BYTES:
        known = None if before is None else before.variants.get("identity")
        if before is not None and known is not None and known.body == body:
            bodies = {coding: variant.body for coding, variant in before.variants.items()}
        else:
            bodies["gzip"] = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            bodies["br"] = brotli.compress(body, quality=_BROTLI_QUALITY)
    variants = {}
    for coding, coded in bodies.items():
        # A strong tag names the very bytes, and so the coding.
        suffix = b"" if coding == "identity" else b"-" + coding.encode()
        tag = own_tag or b'"' + digest + suffix + b'"'
        made = [(b"cache-control", CACHE_CONTROL), (b"vary", vary), (b"etag", tag)]
        unmodified = [*(pair for pair in others if pair[0] != b"content-type"), *made]
        sent = [*others, *made, (b"content-length", b"%d" % len(coded))]
        if coding != "identity":
            sent.append((b"content-encoding", coding.encode()))
        variants[coding] = _Variant(coded, tag, sent, unmodified)
    modified = given.get(b"last-modified")
    return PublicAnswer(
        _OK,
        template,
        variants,
        None if modified is None else parsedate_to_datetime(modified.decode()),
    )


@lru_cache(maxsize=256)
def _codings(accepted: bytes) -> tuple[str, ...]:
    """Return the codings of ours that a client accepts, the smallest answer first.

    `;q=0` means that it does not accept a coding (RFC 9110); other weights do not matter to us.
    """
    weights: dict[str, bool] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, weight = part.partition(";")
        refused = weight.replace(" ", "").removeprefix("q=").strip("0.") == "" and bool(weight)
        weights[name.strip().removeprefix("x-")] = not refused
    return tuple(c for c in ("br", "gzip") if weights.get(c, weights.get("*", False)))


async def _send(send: Send, status: int, headers: _Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}
