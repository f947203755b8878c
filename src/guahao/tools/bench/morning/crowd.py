"""Who asks in the morning: readers, people at their moments, bots, agents, clerks, cancellers."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

from guahao.tools.bench.browser import Browser
from guahao.tools.bench.morning.connections import Connections, Reply
from guahao.tools.bench.morning.figures import Kind
from guahao.tools.bench.morning.queries import ExistingBooking, Release
from guahao.tools.bench.rush.contestants import REACTION_SECONDS

_TICK_SECONDS = 0.004
_BEHIND_SECONDS = 0.25  # what could not be sent for so long is never sent: the reader is gone
_ETAG = re.compile(rb"(?i)\r\netag: *([^\r]+)")
_CODE = re.compile(rb'"code": ?"(\w+)"')
_RETRY_FROM = re.compile(rb'"retry_from": ?"([^"]+)"')
_RETRY_AFTER = re.compile(rb"(?i)\r\nretry-after: *(\d+)")
_OK, _CREATED, _SEE_OTHER, _BAD, _SERVER_ERROR = 200, 201, 303, 400, 500
_OVER = ("booked", "sold_out")

Judge = Callable[[Reply], bool]
Requests = Iterator[tuple[bytes, Judge]]  # each with what tells whether its answer is good


@dataclass(slots=True)
class Stream:
    """Requests of a kind at a steady rate, over connections of their own."""

    kind: Kind
    rate: float
    pool: Connections
    requests: Requests
    due: float = 0.0

    def send_due(self, seconds: float) -> None:
        """Send what has become due in these seconds, as far as connections are free."""
        self.due = min(self.due + seconds * self.rate, max(self.rate * _BEHIND_SECONDS, 1.0))
        while self.due >= 1 and self.pool.free:
            asked = next(self.requests, None)
            if asked is None:
                return
            request, is_good = asked
            self.pool.try_to_ask(request, partial(self._heard, is_good))
            self.kind.sent += 1
            self.due -= 1

    def _heard(self, is_good: Judge, reply: Reply) -> None:
        count(self.kind, reply, is_good=is_good(reply))


def count(kind: Kind, reply: Reply, *, is_good: bool, said: str | None = None) -> None:
    """Count an answer."""
    kind.said[said or str(reply.status)] += 1
    if reply.status == 0 or reply.status >= _SERVER_ERROR:
        kind.failed += 1
        return
    kind.seconds.append(reply.seconds)
    if is_good:
        kind.good += 1
    else:
        kind.refused += 1
        kind.refusals.append(reply.seconds)


async def run(streams: list[Stream], seconds: float) -> None:
    """Send every stream's requests for so long."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    before = loop.time()
    while (now := loop.time()) < ends:
        for stream in streams:
            stream.send_due(now - before)
        before = now
        await asyncio.sleep(_TICK_SECONDS)


# Readers --------------------------------------------------------------------------------------


def get(path: str, *more: str) -> bytes:
    """Return a reader's request."""
    head = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: gzip", *more)
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def pages(paths: list[str], chance: random.Random) -> Requests:
    """Yield requests for these pages, in any order."""
    requests = [get(path) for path in paths]
    while True:
        yield chance.choice(requests), _is_page


def _is_page(reply: Reply) -> bool:
    return 0 < reply.status < _BAD


def renewals(departments: Sequence[int], chance: random.Random) -> Requests:
    """Yield what open pages of departments send: the renewing part, with the last answer's tag."""
    tags: dict[int, str] = {}

    def is_good(department: int, reply: Reply) -> bool:
        tag = _ETAG.search(reply.head)
        if tag is not None:
            tags[department] = tag[1].decode("latin-1")
        return _is_page(reply)

    while True:
        department = chance.choice(departments)
        tag = tags.get(department)
        known = [] if tag is None else [f"If-None-Match: {tag}"]
        request = get(f"/departments/{department}", "HX-Request: true", "HX-Target: week", *known)
        yield request, partial(is_good, department)


# People and bots ------------------------------------------------------------------------------


@dataclass(slots=True)
class Contest:
    """A release under way, and how to ask for its places."""

    release: Release
    issue: Callable[[int], str]
    clock: Callable[[], datetime]
    is_over: bool = False  # then nobody asks again

    def request(self, person: int, session: int) -> bytes:
        """Return a person's request for a session; its key is always the same."""
        body = json.dumps({"clinic_session_id": session, "patient_id": person}).encode()
        return (
            f"POST /api/v1/appointments HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.issue(person)}\r\nIdempotency-Key: m-{session}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


def said_of(reply: Reply) -> str:
    """Return `booked`, or the code of a refusal."""
    if reply.status == _CREATED:
        return "booked"
    code = _CODE.search(reply.body)
    return code[1].decode() if code else str(reply.status)


class Person:
    """Asks for one session: soon after the release, and again at the moment that is told."""

    def __init__(
        self,
        contest: Contest,
        pool: Connections,
        kind: Kind,
        request: bytes,
        chance: random.Random,
    ) -> None:
        self._contest = contest
        self._pool = pool
        self._kind = kind
        self._request = request
        self._chance = chance

    def ask(self) -> None:
        """Ask for the place."""
        if self._contest.is_over:
            return
        self._kind.sent += 1
        self._pool.ask(self._request, self._heard)

    def _heard(self, reply: Reply) -> None:
        said = said_of(reply)
        count(self._kind, reply, is_good=said == "booked", said=said)
        if said in _OVER:
            return
        moment, seconds = _RETRY_FROM.search(reply.body), _RETRY_AFTER.search(reply.head)
        if moment is not None:
            until = datetime.fromisoformat(moment[1].decode())
            wait = max((until - self._contest.clock()).total_seconds(), 0.0)
        else:
            wait = float(seconds[1]) if seconds else 1.0
        wait += self._chance.uniform(*REACTION_SECONDS)
        asyncio.get_running_loop().call_later(wait, self.ask)


def bot_requests(contest: Contest, bot: int) -> Requests:
    """Yield what a bot sends: every session in turn, without an end."""
    requests = [contest.request(bot, session) for session in contest.release.sessions]
    while True:
        for request in requests:
            yield request, lambda reply: reply.status == _CREATED


# Staff and cancellers -------------------------------------------------------------------------


def form(browser: Browser, path: str, **fields: str) -> bytes:
    """Return a form that a browser at work sends."""
    body = urlencode({"csrf": browser.csrf, **fields}).encode()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def searches(agent: Browser, persons: int, chance: random.Random) -> Requests:
    """Yield an agent's searches for callers by their document's number; each finds one."""
    while True:
        number = f"B{chance.randint(1, persons):08d}"
        yield form(agent, "/staff/calls", q=number), lambda reply: reply.status == _SEE_OTHER


def pick_ups(clerk: Browser, visits: Iterator[ExistingBooking]) -> Requests:
    """Yield a clerk's pick-ups."""
    for visit in visits:
        number = f"B{visit.person:08d}"
        request = form(clerk, "/staff/window", code=visit.code, id_no=number)
        yield request, lambda reply: b"verdict_good" in reply.body


def cancels(issue: Callable[[int], str], visits: Iterator[ExistingBooking]) -> Requests:
    """Yield citizens' cancels."""
    for visit in visits:
        request = (
            f"POST /api/v1/appointments/{visit.id}/cancel HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {issue(visit.person)}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        yield request, lambda reply: reply.status == _OK
