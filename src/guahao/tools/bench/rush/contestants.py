"""Who asks at a release: people at human times, and punctual bots; `hammering` has the others.

Everybody wants a place in each of the release's sessions. All know the moment of the release to
the millisecond, and obey what the platform tells them where that serves them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from guahao.tools.bench.rush.queries import Release

# Of people: when they first ask, how long they look at the answer, and how late they tap after
# a countdown has ended.
FIRST_ASK_SECONDS = (0.0, 10.0)
SECOND_ASK_SECONDS = (1.0, 3.0)
ASKS_TWICE = 0.5  # of them
REACTION_SECONDS = (0.1, 0.7)
PATIENCE_SECONDS = 40  # after the release; then all places are gone
BOOKED, OVER = "booked", frozenset({"booked", "sold_out"})
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: `booked` or a code, and when to ask again."""

    said: str
    retry_from: datetime | None = None
    retry_after: float = 0.0


class ConnectionPool:
    """Connections to the web processes, each for one request at a time."""

    def __init__(self, ports: Sequence[int], connections: int) -> None:
        self._ports = ports
        self._most = connections
        self._opened = 0
        self._free: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self._all: list[_Connection] = []

    async def ask(self, request: bytes) -> Answer:
        """Send a request over a free connection and return its answer.

        A connection that the server has closed, because nothing came over it for long, is
        replaced: the key makes the second request the same.
        """
        connection = await self._connection()
        try:
            return await connection.ask(request)
        except TimeoutError:
            connection.close()
            return Answer("no_answer", retry_after=1)
        except (EOFError, ConnectionError):
            connection.close()
            return Answer("cut_off")
        finally:
            self._free.put_nowait(connection)

    async def _connection(self) -> _Connection:
        if self._free.empty() and len(self._all) < self._most:
            return await self._open()
        connection = await self._free.get()
        if not connection.is_closed:
            return connection
        connection.close()  # the server has closed its end only
        self._all.remove(connection)
        return await self._open()

    async def _open(self) -> _Connection:
        self._opened += 1
        connection = _Connection(self._ports[self._opened % len(self._ports)])
        await connection.open()
        self._all.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection."""
        for connection in self._all:
            connection.close()


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    @property
    def is_closed(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        async with asyncio.timeout(_ANSWER_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = json.loads(await self._reader.readexactly(length))
        if head.startswith("http/1.1 201"):
            return Answer(BOOKED)
        moment = body.get("retry_from")
        return Answer(
            str(body.get("code")),
            None if moment is None else datetime.fromisoformat(moment),
            float(head.partition("retry-after: ")[2].partition("\r\n")[0] or 0),
        )

    def close(self) -> None:
        self._writer.close()


@dataclass(slots=True)
class Tally:
    """What a kind of contestants sent and heard; `waits`: for answers, in seconds."""

    answers: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0  # in which bots hammered, of all of them together
    hammered: int = 0


@dataclass(slots=True)
class Contest:
    """A release that is under way."""

    release: Release
    pool: ConnectionPool
    issue: Callable[[int], str]
    clock: Callable[[], datetime]
    rate: int  # requests a second of each hammering bot
    people: Tally = field(default_factory=Tally)
    bots: Tally = field(default_factory=Tally)

    def since_release(self) -> float:
        """Return the seconds since the release; negative before it."""
        return (self.clock() - self.release.at).total_seconds()

    async def until(self, seconds: float) -> None:
        """Wait until so many seconds after the release."""
        await asyncio.sleep(max(seconds - self.since_release(), 0))

    def request(self, person: int, session: int) -> bytes:
        """Return the request of a person for a session; its key is always the same."""
        body = json.dumps({"clinic_session_id": session, "patient_id": person}).encode()
        return (
            f"POST /api/v1/appointments HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.issue(person)}\r\nIdempotency-Key: rush-{session}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def seconds_of(self, moment: datetime) -> float:
        """Return a moment as seconds after the release."""
        return (moment - self.release.at).total_seconds()


async def person(contest: Contest, number: int, chance: random.Random) -> None:
    """Ask within ten seconds of the release, once or twice; then at the moment that was told."""
    first = chance.uniform(*FIRST_ASK_SECONDS)
    asks_twice = chance.random() < ASKS_TWICE
    await contest.until(first)
    await asyncio.gather(
        *(
            _want(contest, contest.request(number, session), chance, asks_twice=asks_twice)
            for session in contest.release.sessions
        )
    )


async def _want(
    contest: Contest, request: bytes, chance: random.Random, *, asks_twice: bool
) -> None:
    while contest.since_release() < PATIENCE_SECONDS:
        asked = contest.since_release()
        answer = await contest.pool.ask(request)
        contest.people.waits.append(contest.since_release() - asked)
        contest.people.answers[answer.said] += 1
        if answer.said in OVER:
            return
        if answer.retry_from is None:  # told to come back in so many seconds
            await asyncio.sleep(max(answer.retry_after, 0.2) + chance.uniform(*REACTION_SECONDS))
        elif asks_twice:
            asks_twice = False
            await asyncio.sleep(chance.uniform(*SECOND_ASK_SECONDS))
        else:
            moment = contest.seconds_of(answer.retry_from)
            await contest.until(moment + chance.uniform(*REACTION_SECONDS))


async def punctual_bot(contest: Contest, number: int) -> None:
    """Ask at the release, then hammer from the moment that was told, and at no other time.

    So it never spends what the gate lets through: the strongest that obeys the protocol.
    """
    await contest.until(0)
    await asyncio.gather(
        *(_punctual(contest, contest.request(number, s)) for s in contest.release.sessions)
    )


async def _punctual(contest: Contest, request: bytes) -> None:
    while contest.since_release() < PATIENCE_SECONDS:
        answer = await contest.pool.ask(request)
        contest.bots.answers[answer.said] += 1
        if answer.said in OVER:
            return
        if answer.retry_from is None:
            await asyncio.sleep(1 / contest.rate)
        else:
            await contest.until(contest.seconds_of(answer.retry_from))
