"""Calls that are served before routing: the booking call (docs/decisions/0048).

Litestar's router, handler and exception middleware together took a third of the web process's
time for a booking. A direct call runs the same handler as its route, and its refusals are made
by the same functions, so that nobody sees a difference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar.types import ASGIApp, Receive, Scope, Send

from guahao.web.framework.problems import failed_answer
from guahao.web.http.reading import Received
from guahao.web.words.replies import Replies


class _Incoming:
    """A request without Litestar's properties, which a direct call does not use."""

    __slots__ = ("receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive


class DirectCall:
    """A handler as an ASGI application of its own; `path` is also its route in the metrics."""

    __slots__ = ("_handler", "_replies", "method", "path")

    def __init__(
        self,
        method: str,
        path: str,
        handler: Callable[[Received], Awaitable[ASGIApp]],
        replies: Replies,
    ) -> None:
        self.method = method
        self.path = path
        self._handler = handler
        self._replies = replies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and respond."""
        scope["path_template"] = self.path
        try:
            answer = await self._handler(_Incoming(scope, receive))
        except Exception as error:  # noqa: BLE001 - every failure becomes a response
            answer = failed_answer(scope, error, self._replies)
        await answer(scope, receive, send)
