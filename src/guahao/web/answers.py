"""Finished answers. Litestar calls them as they are: nothing is left to convert."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar.types import Receive, Scope, Send

Headers = Sequence[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
# Personal data, or supply that changes every second: nobody keeps a copy.
_NO_STORE = (b"cache-control", b"no-store")
_encode = msgspec.json.Encoder().encode


class Answer:
    """A status, headers and a body; an ASGI application of one message."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, body: bytes, headers: Headers) -> None:
        self._status = status
        self._body = body
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send it."""
        length = (b"content-length", b"%d" % len(self._body))
        await send(
            {
                "type": "http.response.start",
                "status": self._status,
                "headers": [*self._headers, length],
            }
        )
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def json_answer(content: msgspec.Struct, status: int = 200) -> Answer:
    """A struct as JSON."""
    return Answer(status, _encode(content), (_JSON, _NO_STORE))
