"""`guahao bench rush --bots 0`: many callers for few places at one moment, at several processes.

The bench first verifies that every place is booked exactly once: after each round the answers
are compared with the database. The time until the last caller has an answer comes second.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.tools.bench import queries as store
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.http import Issue
from guahao.tools.bench.measured import ROUNDS, percentile
from guahao.tools.bench.serving import web_server
from guahao.tools.scratch import analyze, scratch_database

_PROCESSES = 2
_SESSIONS, _PLACES_EACH = 10, 20
_CALLERS = 4_000  # a round: twenty for every place
_CONNECTIONS = 128  # at the same time, over all processes
_SESSIONS_A_DEPARTMENT = 1
_BOOKED, _SOLD_OUT = "booked", "sold_out"


class OversoldError(Exception):
    """Answers and database disagree, or a place was booked twice: the bench has found a bug."""


@dataclass(frozen=True, slots=True)
class Rush:
    """A round: the answers a second, and how long each caller waited, in ms."""

    processes: int
    per_second: float
    p50_ms: float
    p99_ms: float
    sold_out_after_ms: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A caller's answer and its time, in seconds since the release."""

    said: str
    waited: float
    at: float


def run(server_url: str, issuer: Issue, console: Console) -> None:
    """Rush at one and at two processes in turns, and print the medians."""
    with scratch_database(server_url) as url:
        uvloop.run(_bench(url, issuer, console))


async def _bench(url: str, issuer: Issue, console: Console) -> None:
    persons = 2 * ROUNDS * _CALLERS
    async with open_bench(url, connections=2) as platform:
        with console.status(f"Filling a scratch database with {persons:,} callers ..."):
            async with platform.db.transaction() as tx:
                await store.found_city(tx, _SESSIONS_A_DEPARTMENT, persons)
                await store.add_persons(tx, platform.vault, persons)
            analyze(url)
        callers, sessions = iter(range(1, persons + 1)), count(store.HOT_SESSION + 1)
        issue = issuer(platform)
        with ExitStack() as servers:
            ports = [servers.enter_context(web_server(url))[0] for _ in range(_PROCESSES)]
            ran = []
            for number in range(ROUNDS):
                for used in range(1, _PROCESSES + 1):
                    with console.status(f"Round {number + 1} of {ROUNDS}, {used} processes ..."):
                        ran.append(await _rush(platform, ports[:used], issue, callers, sessions))
    _show(console, ran)


async def _rush(
    platform: Platform,
    ports: Sequence[int],
    issue: Callable[[int], str],
    callers: Iterator[int],
    sessions: Iterator[int],
) -> Rush:
    wanted = [next(sessions) for _ in range(_SESSIONS)]
    async with platform.db.transaction() as tx:
        await store.set_places(tx, wanted, _PLACES_EACH)
    coming = [_request(issue, next(callers), random.choice(wanted)) for _ in range(_CALLERS)]
    waiting, answers = iter(coming), list[Answered]()
    began = time.perf_counter()
    await asyncio.gather(
        *(_line(ports[n % len(ports)], waiting, answers, began) for n in range(_CONNECTIONS))
    )
    taken = time.perf_counter() - began
    await _verify(platform, wanted, answers)
    waits = sorted(one.waited for one in answers)
    last_place = max(one.at for one in answers if one.said == _BOOKED)
    return Rush(
        len(ports),
        len(answers) / taken,
        percentile(waits, 0.5),
        percentile(waits, 0.99),
        last_place * 1000,
    )


def _request(issue: Callable[[int], str], person: int, session_id: int) -> bytes:
    body = json.dumps({"clinic_session_id": session_id, "patient_id": person}).encode()
    return (
        f"POST /api/v1/appointments HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {issue(person)}\r\nIdempotency-Key: rush-{person}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _line(port: int, waiting: Iterator[bytes], answers: list[Answered], began: float) -> None:
    """Call for each caller in turn, over a single connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in waiting:
        started = time.perf_counter()
        writer.write(request)
        said = await _answer(reader)
        ended = time.perf_counter()
        answers.append(Answered(said, ended - started, ended - began))
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> str:
    """Return `booked`, or the code of the refusal."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    body = json.loads(await reader.readexactly(length))
    return _BOOKED if head.startswith("http/1.1 201") else str(body.get("code"))


async def _verify(platform: Platform, wanted: Sequence[int], answers: Sequence[Answered]) -> None:
    """Verify that every place is booked once, and that all other callers heard `sold_out`."""
    said = Counter(one.said for one in answers)
    async with platform.db.transaction() as tx:
        sold = await store.places_sold(tx, wanted)
    places = [(session_id, _PLACES_EACH, _PLACES_EACH) for session_id in wanted]
    right = {_BOOKED: _SESSIONS * _PLACES_EACH, _SOLD_OUT: _CALLERS - _SESSIONS * _PLACES_EACH}
    if sold != places or said != right:
        raise OversoldError(f"{sold} for {dict(said)}")


def _show(console: Console, ran: Sequence[Rush]) -> None:
    table = Table(
        title=f"{_CALLERS:,} callers for {_SESSIONS * _PLACES_EACH} places of {_SESSIONS}"
        f" sessions, {_CONNECTIONS} at once"
    )
    headings = ("", "answers/s", "p50 ms", "p99 ms", "last place after ms", "× 1 process")
    for heading in headings:
        table.add_column(heading, justify="left" if not heading else "right")
    rates = {}
    for processes in range(1, _PROCESSES + 1):
        mine = [one for one in ran if one.processes == processes]
        rates[processes] = median(one.per_second for one in mine)
        table.add_row(
            f"{processes} web process{'es' if processes > 1 else ''}",
            f"{rates[processes]:,.0f}",
            f"{median(one.p50_ms for one in mine):.1f}",
            f"{median(one.p99_ms for one in mine):.1f}",
            f"{median(one.sold_out_after_ms for one in mine):.0f}",
            f"{rates[processes] / rates[1]:.2f}",
        )
    console.print(table)
    console.print(
        f"After each of {len(ran)} rounds: every place sold once, none twice, and everybody"
        " else told that it is sold out."
    )
