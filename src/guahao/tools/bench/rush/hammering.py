"""Bots that send at a fixed rate, cheaply, so that the platform has the processor for itself.

Each bot has raw keep-alive connections of its own and sends bytes that are prepared before the
release. Of an answer only its status, its code and its length are read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import cast

from guahao.tools.bench.rush.contestants import BOOKED, OVER, PATIENCE_SECONDS, Contest

_CONNECTIONS = 8  # of a bot: 100 requests a second, each answered within 80 ms
_TICK_SECONDS = 0.004
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CODE = re.compile(rb'"code": ?"(\w+)"')
_END_OF_HEAD = b"\r\n\r\n"


class Bot:
    """A bot: the sessions that it still wants, and its connections that wait for nothing."""

    def __init__(self, contest: Contest, number: int) -> None:
        self._contest = contest
        self._wanted = {id: contest.request(number, id) for id in contest.release.sessions}
        self._turn = 0
        self._began: float | None = None
        self._over_at = 0.0
        self.free: list[_Connection] = []
        self.connections: list[_Connection] = []
        self.sent = 0

    async def connect(self, ports: Sequence[int]) -> None:
        """Open all connections, spread over the web processes."""
        for n in range(_CONNECTIONS):
            connection = _Connection(self, ports[n % len(ports)])
            self.connections.append(connection)
            await connection.open()

    @property
    def is_over(self) -> bool:
        """Return whether nothing is left to win."""
        return not self._wanted

    @property
    def seconds(self) -> float:
        """Return how long the bot has been sending."""
        return 0.0 if self._began is None else self._over_at - self._began

    def send_due(self, now: float, rate: int) -> None:
        """Send what is due at `now`, as far as connections are free; the rest stays due."""
        if self._began is None:
            self._began = now
        self._over_at = now
        due = int((now - self._began) * rate) + 1 - self.sent
        while due > 0 and self.free and self._wanted:
            sessions = list(self._wanted)
            session = sessions[self._turn % len(sessions)]
            self._turn += 1
            self.free.pop().send(session, self._wanted[session])
            self.sent += 1
            due -= 1

    def heard(self, session: int, said: str) -> None:
        """Count an answer; a session that is booked or sold out is not wanted any more."""
        self._contest.bots.answers[said] += 1
        if said in OVER:
            self._wanted.pop(session, None)


class _Connection(asyncio.Protocol):
    """A connection of a bot, with at most one request under way."""

    def __init__(self, bot: Bot, port: int) -> None:
        self._bot = bot
        self._port = port
        self._session = 0
        self._received = b""
        self._is_closing = False
        self._transport: asyncio.Transport
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        self._bot.free.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports inherit from no class of asyncio.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, session: int, request: bytes) -> None:
        self._session = session
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        head_ends = received.find(_END_OF_HEAD)
        length = _LENGTH.search(received)
        if head_ends < 0 or length is None:
            return
        body = head_ends + len(_END_OF_HEAD)
        if len(received) < body + int(length[1]):
            return
        self._received = b""
        if received.startswith(b"HTTP/1.1 201"):
            said = BOOKED
        else:
            code = _CODE.search(received, body)
            said = code[1].decode() if code else "no_code"
        self._bot.heard(self._session, said)
        self._bot.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if self._is_closing:
            return
        if self in self._bot.free:
            self._bot.free.remove(self)
        else:
            self._bot.heard(self._session, "cut_off")
        self._received = b""
        self._opening = asyncio.get_running_loop().create_task(self.open())

    def close(self) -> None:
        self._is_closing = True
        if self._opening is not None:
            self._opening.cancel()
        self._transport.close()


async def hammer(contest: Contest, numbers: Sequence[int], ports: Sequence[int]) -> None:
    """Let each bot send `contest.rate` requests a second from the release until all is gone."""
    bots = [Bot(contest, number) for number in numbers]
    try:
        for bot in bots:
            await bot.connect(ports)
        await contest.until(0)
        while (now := contest.since_release()) < PATIENCE_SECONDS:
            hungry = [bot for bot in bots if not bot.is_over]
            if not hungry:
                break
            for bot in hungry:
                bot.send_due(now, contest.rate)
            await asyncio.sleep(_TICK_SECONDS)
    finally:
        for bot in bots:
            contest.bots.hammered += bot.sent
            contest.bots.seconds += bot.seconds
            for connection in bot.connections:
                connection.close()
