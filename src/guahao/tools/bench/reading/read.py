"""`guahao bench read`: how long searches and pages take in a city with a million bookings.

A real server process over a scratch database; requests are sent in turn, each measured
from the request to the whole answer: rendering, personal data opened, the trail written. At
the end, the rate of the answers that are the same for everybody (`public`).
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.order_no import order_no
from guahao.rules.staff.staff import Role
from guahao.store.hospitals.search import search_keys
from guahao.tools.bench.browser import Browser, member_at_work
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.http import Issue
from guahao.tools.bench.measured import percentile
from guahao.tools.bench.reading import public
from guahao.tools.bench.reading import read_queries as store
from guahao.tools.bench.serving import web_server
from guahao.tools.scratch import analyze, scratch_database

_TIMES = 100
_FIRST = 5  # not counted, because connections and plans are made
_BOUND_MS = 50.0
_HOSPITAL_ID = 1

# What people look for, and of whom they say it.
_WHO = ("", "孩子", "老人", "最近", "经常", "突然", "一直")
_NEEDS = (
    *("头痛", "发烧", "咳嗽", "胃疼", "拉肚子", "失眠", "心慌", "胸闷", "腰疼", "膝盖疼"),
    *("高血压", "糖尿病", "过敏", "头晕", "便秘", "尿频"),
)
_KEY_LEAST = 3  # letters of a pinyin or of initials

Call = Callable[[], httpx.Response]


@dataclass(frozen=True, slots=True)
class Read:
    """A look-up; `call` makes it for another person each time.

    `says`: what the answer must hold, so that nothing is measured that found nothing.
    """

    name: str
    call: Call
    says: str = ""
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Took:
    """How long the answers to a `Read` took, in ms."""

    read: Read
    p50_ms: float
    p95_ms: float
    max_ms: float


def run(server_url: str, issuer: Issue, bookings: int, console: Console) -> None:
    """Fill a scratch database, measure, print a line for each search and page."""
    with scratch_database(server_url) as url:
        uvloop.run(_bench(url, issuer, bookings, console))


async def _bench(url: str, issuer: Issue, bookings: int, console: Console) -> None:
    persons = bookings // 2
    async with open_bench(url, connections=2) as platform:
        with console.status(f"Filling a scratch database with {bookings:,} bookings ..."):
            async with platform.db.transaction() as tx:
                await store.found_city(tx, platform.vault, persons)
            async with platform.db.transaction() as tx:
                await store.add_visits(tx, platform.vault, persons)
                codes = await store.some_codes(tx, platform.vault, _HOSPITAL_ID, _TIMES + _FIRST)
            analyze(url)
        with web_server(url) as (port, process), ExitStack() as closing:
            took = []
            reads = await searches_and_pages(platform, issuer, port, persons, codes, closing)
            for read in reads:
                with console.status(f"{read.name} ..."):
                    took.append(measure(read))
            await asyncio.to_thread(public.measure, port, process, console)
    _show(console, bookings, took)


async def searches_and_pages(
    platform: Platform,
    issuer: Issue,
    port: int,
    persons: int,
    codes: list[tuple[str, int, int]],
    closing: ExitStack,
) -> list[Read]:
    """Return the searches and pages of staff and citizens, for persons 1 to `persons`.

    `closing` closes the browsers.
    """
    agent = await member_at_work(platform, port, Role.AGENT)
    clerk = await member_at_work(platform, port, Role.CLERK, _HOSPITAL_ID)
    citizen = Browser(port)
    for browser in (agent, clerk, citizen):
        closing.callback(browser.client.close)
    return [
        Read("an agent's empty page", lambda: agent.get("/staff/calls")),
        *_searches(agent, persons, codes),
        *_window(clerk, codes),
        *_pages(citizen, issuer(platform), persons),
    ]


def _searches(agent: Browser, persons: int, codes: list[tuple[str, int, int]]) -> list[Read]:
    """Measure the call centre's search box; a single hit opens the caller's card at once."""

    def person() -> int:
        return random.randint(1, persons)

    def search(text: str) -> httpx.Response:
        answer = agent.post("/staff/calls", q=text)
        if not answer.is_redirect and "<td>" not in answer.text:
            raise RuntimeError("the bench expects to find everybody")
        return answer

    def card() -> httpx.Response:
        caller = person()
        document, name = store.document_of(caller), store.name_of(caller)
        path = search(document).headers["location"]
        agent.get(path)
        agent.post(f"{path}/verify", name=name, phone=store.phone_of(store.account_of(caller)))
        return agent.get(path)

    def by_code() -> httpx.Response:
        return search(random.choice(codes)[0])

    def by_order_no() -> httpx.Response:
        return search(order_no(random.choice(codes)[2]))

    def nobody() -> httpx.Response:
        return agent.post("/staff/calls", q="欧阳无此人")

    def by_phone() -> httpx.Response:
        return search(store.phone_of(store.account_of(person())))

    return [
        Read("search: phone", by_phone, bounded=True),
        Read("search: document number", lambda: search(store.document_of(person())), bounded=True),
        Read("search: name", lambda: search(store.name_of(person())), bounded=True),
        Read("search: commonest name", lambda: search(store.COMMONEST_NAME), bounded=True),
        Read("search: code", by_code, bounded=True),
        Read("search: order number", by_order_no, bounded=True),
        Read("search: nobody's name", nobody, "empty", bounded=True),
        Read("search, verification and the caller's card", card, "<td>"),
    ]


def _window(clerk: Browser, codes: list[tuple[str, int, int]]) -> list[Read]:
    """Measure the hospital's window: each code, and then each code again."""
    first, second = iter(codes), iter(codes)

    def pick_up(coming: Iterator[tuple[str, int, int]]) -> httpx.Response:
        code, person, _ = next(coming)
        return clerk.post("/staff/window", code=code, id_no=store.document_of(person))

    def find() -> httpx.Response:
        person = random.choice(codes)[1]
        return clerk.post("/staff/window/find", id_no=store.document_of(person))

    return [
        Read("window: pick-up", lambda: pick_up(first), "verdict_good", bounded=True),
        Read("window: picked up already", lambda: pick_up(second), "verdict", bounded=True),
        Read("window: today by document", find, "<li>", bounded=True),
        Read("window: today's list", lambda: clerk.get("/staff/window/today"), "<td>"),
    ]


def _pages(citizen: Browser, issue: Callable[[int], str], persons: int) -> list[Read]:
    """Measure the pages of citizens."""

    def own() -> httpx.Response:
        token = issue(random.randint(1, store.account_of(persons)))
        headers = {"Authorization": f"Bearer {token}"}
        return citizen.client.get("/api/v1/appointments?view=current", headers=headers)

    def department(path: str) -> httpx.Response:
        return citizen.get(path.format(random.randint(1, store.DEPARTMENTS_EACH)))

    sessions = f"/api/v1/clinic-sessions?hospital_id={_HOSPITAL_ID}&department_id={{}}"
    return [
        Read("page: home", lambda: citizen.get("/"), "压测医院"),
        *_finding(citizen),
        Read("page: a department's week", lambda: department("/departments/{}"), "slot"),
        Read("API: a department's sessions", lambda: department(sessions), "remaining"),
        Read("API: my current bookings", own, "order_no"),
    ]


def _finding(citizen: Browser) -> list[Read]:
    """Measure searches as people type them, each another: an answer is kept for a second."""

    def read(name: str, searches: list[str]) -> Read:
        random.shuffle(searches)
        coming = cycle(searches)
        return Read(
            f"page: search {name}",
            lambda: citizen.get(f"/search?q={quote(next(coming))}"),
            "/departments/",
        )

    names = store.department_names()
    initials = {key for name in names for key in search_keys(name).split() if "," not in key}
    return [
        Read(
            "page: search of hospitals",
            lambda: citizen.get(f"/search?q=压测医院{random.randint(1, store.HOSPITALS)}"),
            "压测医院",
        ),
        read("by a need", [f"{who}{need}" for who in _WHO for need in _NEEDS]),
        read("by pinyin and initials", sorted(key for key in initials if len(key) >= _KEY_LEAST)),
    ]


def measure(read: Read, times: int = _TIMES) -> Took:
    """Take the times of a look-up, after some that are not counted."""
    seconds = []
    for number in range(_FIRST + times):
        started = time.perf_counter()
        answer = read.call()
        taken = time.perf_counter() - started
        if answer.status_code >= httpx.codes.BAD_REQUEST or read.says not in answer.text:
            raise RuntimeError(f"the bench expects an answer to: {read.name}")
        if number >= _FIRST:
            seconds.append(taken)
    seconds.sort()
    return Took(
        read, statistics.median(seconds) * 1000, percentile(seconds, 0.95), seconds[-1] * 1000
    )


def _show(console: Console, bookings: int, took: list[Took]) -> None:
    base = took[0].p50_ms
    table = Table(title=f"Reading with {bookings:,} bookings, one request after the other")
    for heading in ("", "p50 ms", "p95 ms", "slowest ms", "× empty page"):
        table.add_column(heading, justify="left" if not heading else "right")
    for one in took:
        figures = (f"{ms:.1f}" for ms in (one.p50_ms, one.p95_ms, one.max_ms))
        table.add_row(one.read.name, *figures, f"{one.p50_ms / base:.1f}")
    console.print(table)
    late = [one.read.name for one in took if one.read.bounded and one.p95_ms >= _BOUND_MS]
    bound = f"p95 of every search and pick-up under {_BOUND_MS:.0f} ms"
    console.print(f"{bound}: {'no: ' + ', '.join(late) if late else 'yes'}.")
