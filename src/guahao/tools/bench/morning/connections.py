"""Raw keep-alive connections that send prepared bytes: a request costs some 30 µs here.

The load shares the machine with what it measures, so that an HTTP library would be the bottleneck.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_NO_BODY = (204, 304)
_OPENED_AT_ONCE = 200
_BACKOFF_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `status` 0: the connection was cut off before it."""

    status: int
    head: bytes
    body: bytes
    seconds: float


Heard = Callable[[Reply], None]
_CUT_OFF = Reply(0, b"", b"", 0.0)


class Connections:
    """Connections spread over the web processes; the one that waited longest sends next."""

    def __init__(self, ports: Sequence[int], count: int) -> None:
        self.free: deque[Connection] = deque()
        self._queue: deque[tuple[bytes, Heard]] = deque()
        self._is_closed = False
        self._all = [Connection(self, ports[n % len(ports)]) for n in range(count)]

    async def open(self) -> None:
        """Open every connection, some at a time."""
        for start in range(0, len(self._all), _OPENED_AT_ONCE):
            await asyncio.gather(
                *(connection.open() for connection in self._all[start:][:_OPENED_AT_ONCE])
            )

    def try_to_ask(self, request: bytes, heard: Heard) -> bool:
        """Send at once; False if no connection is free."""
        if not self.free:
            return False
        self.free.popleft().send(request, heard)
        return True

    def ask(self, request: bytes, heard: Heard) -> None:
        """Send now, or when a connection is free."""
        if not self._is_closed and not self.try_to_ask(request, heard):
            self._queue.append((request, heard))

    def release(self, connection: Connection) -> None:
        """Let a connection send what waits, or be free."""
        if self._queue:
            connection.send(*self._queue.popleft())
        else:
            self.free.append(connection)
            connection.rest()

    def withdraw(self, connection: Connection) -> None:
        """Take back a free connection that was cut off."""
        if connection in self.free:
            self.free.remove(connection)

    @property
    def unanswered(self) -> int:
        """Return how many requests wait for an answer, or to be sent."""
        return len(self._queue) + sum(connection.is_waiting for connection in self._all)

    def close(self) -> None:
        """Close every connection; nothing is asked or heard any more."""
        self._is_closed = True
        self.free.clear()
        for connection in self._all:
            connection.close()


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self, pool: Connections, port: int) -> None:
        self._pool = pool
        self._port = port
        self._request = b""
        self._heard: Heard | None = None
        self._is_again = False  # the request was cut off before
        self._is_fresh = True  # opened at this moment: nothing was sent, and it has not waited
        self._sent_at = 0.0
        self._received = b""
        self._is_closing = False
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Return whether a request is under way."""
        return self._heard is not None

    async def open(self) -> None:
        """Connect, however often it takes."""
        loop = asyncio.get_running_loop()
        while not self._is_closing:
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(_BACKOFF_SECONDS)
            else:
                self._begin()
                return

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._is_fresh = True
        # Not asserted: uvloop's transports inherit from no class of asyncio.
        self._transport = cast("asyncio.Transport", transport)

    def _begin(self) -> None:
        """Send the request that the closed connection lost again; otherwise become free."""
        if self._heard is None:
            self._pool.release(self)
        else:
            assert self._transport is not None
            self._transport.write(self._request)

    def rest(self) -> None:
        """Wait for a request, during which the server may close the connection."""
        self._is_fresh = False

    def send(self, request: bytes, heard: Heard) -> None:
        """Send a request; `heard` gets its answer, timed from here even if it is sent again."""
        assert self._transport is not None
        self._request, self._heard, self._is_again = request, heard, False
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        head_ends = received.find(_END_OF_HEAD)
        if head_ends < 0:
            return
        status = int(received[9:12])
        body = head_ends + len(_END_OF_HEAD)
        if status not in _NO_BODY:
            length = _LENGTH.search(received, 0, head_ends)
            if length is not None:
                if len(received) < body + int(length[1]):
                    return
            elif _CHUNKED.search(received, 0, head_ends) and not received.endswith(_LAST_CHUNK):
                return
        self._received = b""
        taken = time.perf_counter() - self._sent_at
        self._answered(Reply(status, received[:head_ends], received[body:], taken))
        self._pool.release(self)

    def _answered(self, reply: Reply) -> None:
        heard, self._heard = self._heard, None
        self._is_fresh = False
        if heard is not None:
            heard(reply)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if self._is_closing:
            return
        self._pool.withdraw(self)
        is_idle_end = not self._is_fresh and not self._received and not self._is_again
        if self._heard is not None and is_idle_end:
            # The server closed an idle connection at this moment: sent again once, on a new
            # connection, as browsers do. Another idle one may be closed at the same moment.
            self._is_again = True
        else:
            self._answered(_CUT_OFF)
        self._received = b""
        self._opening = asyncio.get_running_loop().create_task(self.open())

    def close(self) -> None:
        """Close the connection; its request is not answered any more."""
        self._is_closing = True
        self._heard = None
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()
