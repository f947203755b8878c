"""Timeouts for request bodies that arrive slowly or never.

Wraps the `receive` of a request, so that the timeouts hold for every reader of the body.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from litestar.types import HTTPScope, Receive
from litestar.types.asgi_types import ReceiveMessage

from guahao.flows.people.accounts import Caller
from guahao.settings import Settings
from guahao.web.http.reading import ProblemError, header

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_BYTES_A_SECOND = 10_000  # minimum rate of a large body
_LENGTH_DIGITS_MAX = 12
_LOOK_SECONDS = 0.25  # between looks for bodies whose time is over
BUSY_SECONDS = 10  # Retry-After for a caller that sends too many bodies at once


class Bodies:
    """The bodies that this process is waiting for, and their number by address.

    A timer for all of them: one for each took longer than reading a small body, which is there
    before it is asked for. A timeout is therefore up to _LOOK_SECONDS late.
    """

    def __init__(self, settings: Settings) -> None:
        self._idle = settings.body_idle_seconds
        self._total = settings.body_total_seconds
        self._most = settings.bodies_per_address
        self._by_address: Counter[str] = Counter()
        self._waiting: set[_Body] = set()
        self._looks = False

    def timed(self, scope: HTTPScope, receive: Receive, caller: Caller) -> Receive:
        """Wrap `receive` so that it raises ProblemError where the body arrives too slowly, or
        where its caller already has too many bodies in progress.
        """
        if scope["method"] in _BODILESS:
            return receive
        return _Body(self, scope, receive, caller).receive

    def seconds_for(self, scope: HTTPScope) -> float:
        """Return how long the whole body may take."""
        length = header(scope, b"content-length") or b""
        if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX:
            return self._total
        return self._total + int(length) / _BYTES_A_SECOND

    @property
    def idle_seconds(self) -> int:
        """Return how long the sender may pause."""
        return self._idle

    def begin(self, body: _Body, caller: Caller) -> None:
        """Count another body in progress; raise ProblemError above the limit for an address."""
        if caller.limited and self._by_address[caller.address] >= self._most:
            raise ProblemError("too_many_requests", retry_after_seconds=BUSY_SECONDS)
        self._by_address[caller.address] += 1
        self._waiting.add(body)
        if not self._looks:
            self._looks = True
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def end(self, body: _Body, caller: Caller) -> None:
        """Stop counting a body; forget the address with its last body."""
        self._waiting.discard(body)
        self._by_address[caller.address] -= 1
        if self._by_address[caller.address] <= 0:
            del self._by_address[caller.address]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for body in self._waiting:
            if now >= body.until:
                body.expire()
        self._looks = bool(self._waiting)
        if self._looks:
            loop.call_later(_LOOK_SECONDS, self._look)


class _Body:
    """The body of a request while it arrives. `until`: when the next part is too late."""

    __slots__ = (
        "_bodies",
        "_caller",
        "_deadline",
        "_has_expired",
        "_is_complete",
        "_receive",
        "_scope",
        "_task",
        "until",
    )

    def __init__(self, bodies: Bodies, scope: HTTPScope, receive: Receive, caller: Caller) -> None:
        self._bodies = bodies
        self._scope = scope
        self._receive = receive
        self._caller = caller
        self._deadline = 0.0
        self._is_complete = False
        self._has_expired = False
        self._task: asyncio.Task[Any] | None = None
        self.until = 0.0

    def expire(self) -> None:
        """End the wait for the next part, as asyncio's own timeouts do."""
        if self._task is not None and not self._has_expired:
            self._has_expired = True
            self._task.cancel()

    async def receive(self) -> ReceiveMessage:
        """Return the next message; after the body is complete, wait without a timeout."""
        if self._is_complete:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if not self._deadline:
            self._deadline = now + self._bodies.seconds_for(self._scope)
        self.until = min(now + self._bodies.idle_seconds, self._deadline)
        self._task = task = asyncio.current_task()
        self._bodies.begin(self, self._caller)
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if self._has_expired and task is not None and task.uncancel() == 0:
                self._is_complete = True
                raise ProblemError("body_too_slow") from None
            raise
        finally:
            self._bodies.end(self, self._caller)
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._is_complete = True
        return message
