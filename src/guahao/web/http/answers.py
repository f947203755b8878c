"""Finished responses, which Litestar sends as they are, without converting anything."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence

import msgspec
from litestar.types import Receive, Scope, Send

from guahao.web.http.reading import header

Headers = Sequence[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
# No caching: the responses hold personal data, or supply that changes every second.
_NO_STORE = (b"cache-control", b"no-store")
_encode = msgspec.json.Encoder().encode


class Answer:
    """A response with status, headers and body, as an ASGI application."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send the response."""
        length = (b"content-length", b"%d" % len(self.body))
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [*self.headers, length],
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_answer(content: msgspec.Struct, status: int = 200) -> Answer:
    """Return a struct as a JSON response."""
    return Answer(status, _encode(content), (_JSON, _NO_STORE))


_HTML = (b"content-type", b"text/html; charset=utf-8")
_WORTH_ZIPPING_BYTES = 1000
_CHUNK_BYTES = 64 * 1024
_NEVER = re.compile(rb"q=0(\.0*)?")
_ZIP_LEVEL = 5  # most of the gain for a third of the time


def html_answer(
    scope: Scope,
    html: str,
    status: int = 200,
    headers: Headers = (),
    cache_control: bytes = _NO_STORE[1],
) -> Answer:
    """Return a page, compressed where the browser accepts gzip; by default not cacheable."""
    body = html.encode()
    sent = [_HTML, (b"cache-control", cache_control), *headers]
    if len(body) >= _WORTH_ZIPPING_BYTES and accepts_gzip(scope):
        body = gzip.compress(body, _ZIP_LEVEL)
        sent.append((b"content-encoding", b"gzip"))
    return Answer(status, body, sent)


def redirect_answer(path: str, headers: Headers = ()) -> Answer:
    """Redirect to another page of this site with 303, so that the browser fetches it by GET."""
    return Answer(303, b"", [(b"location", path.encode()), _NO_STORE, *headers])


class UnzippedAnswer:
    """A response that is stored compressed and sent uncompressed, chunk by chunk.

    A client without gzip therefore costs the memory of one chunk, however large the body is.
    """

    __slots__ = ("headers", "zipped")

    def __init__(self, zipped: bytes, headers: Headers) -> None:
        self.zipped = zipped
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send the response."""
        await send({"type": "http.response.start", "status": 200, "headers": [*self.headers]})
        unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        rest = self.zipped
        while not unzip.eof:
            chunk = unzip.decompress(rest, _CHUNK_BYTES)
            rest = unzip.unconsumed_tail
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def accepts_gzip(scope: Scope) -> bool:
    """Return whether the client accepts gzip; `;q=0` means that it does not (RFC 9110)."""
    for coding in (header(scope, b"accept-encoding") or b"").lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return _NEVER.fullmatch(weight.replace(b" ", b"")) is None
    return False
