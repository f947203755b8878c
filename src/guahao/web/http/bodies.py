"""Bodies that come slowly, or never: none is waited for without end, at any reader.

Wraps the `receive` of a request, so that it holds for whatever reads the body.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from litestar.types import HTTPScope, Receive
from litestar.types.asgi_types import ReceiveMessage

from guahao.flows.people.accounts import Caller
from guahao.settings import Settings
from guahao.web.http.reading import ProblemError, header

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_BYTES_A_SECOND = 10_000  # what a large body must come at, at least
_LENGTH_DIGITS_MAX = 12
BUSY_SECONDS = 10  # after which a caller may come again who sends too many at once


class Bodies:
    """The bodies that this process waits for, by address."""

    def __init__(self, settings: Settings) -> None:
        self._idle = settings.body_idle_seconds
        self._total = settings.body_total_seconds
        self._most = settings.bodies_per_address
        self._waiting: Counter[str] = Counter()

    def timed(self, scope: HTTPScope, receive: Receive, caller: Caller) -> Receive:
        """`receive`, but it raises ProblemError where the body comes too slowly, or where
        its caller has too many others under way.
        """
        if scope["method"] in _BODILESS:
            return receive
        return _Body(self, scope, receive, caller).receive

    def seconds_for(self, scope: HTTPScope) -> float:
        """How long the whole body may take."""
        length = header(scope, b"content-length") or b""
        if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX:
            return self._total
        return self._total + int(length) / _BYTES_A_SECOND

    @property
    def idle_seconds(self) -> int:
        """How long nothing may come."""
        return self._idle

    def begin(self, caller: Caller) -> None:
        """One more body is waited for; raises ProblemError where that is one too many."""
        if caller.limited and self._waiting[caller.address] >= self._most:
            raise ProblemError("too_many_requests", retry_after_seconds=BUSY_SECONDS)
        self._waiting[caller.address] += 1

    def end(self, caller: Caller) -> None:
        """It is waited for no longer. Addresses without one are forgotten."""
        self._waiting[caller.address] -= 1
        if self._waiting[caller.address] <= 0:
            del self._waiting[caller.address]


class _Body:
    """One request's body, as it comes."""

    __slots__ = ("_bodies", "_caller", "_deadline", "_is_complete", "_receive", "_scope")

    def __init__(self, bodies: Bodies, scope: HTTPScope, receive: Receive, caller: Caller) -> None:
        self._bodies = bodies
        self._scope = scope
        self._receive = receive
        self._caller = caller
        self._deadline = 0.0
        self._is_complete = False

    async def receive(self) -> ReceiveMessage:
        """The next part; after the last, whatever the server says, for as long as it takes."""
        if self._is_complete:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if not self._deadline:
            self._deadline = now + self._bodies.seconds_for(self._scope)
        self._bodies.begin(self._caller)
        try:
            async with asyncio.timeout_at(min(now + self._bodies.idle_seconds, self._deadline)):
                message = await self._receive()
        except TimeoutError:
            self._is_complete = True
            raise ProblemError("body_too_slow") from None
        finally:
            self._bodies.end(self._caller)
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._is_complete = True
        return message
