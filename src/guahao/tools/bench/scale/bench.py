"""Measure bookings, searches, sweep, roll-out, audit, reports and size at shares of a large city.

Each share has a scratch database of its own, which is filled, measured and dropped. Each figure is
printed when it is known, since a whole run takes about an hour. The table at the end shows each
beside the first share's: what should not grow stays at 1. Rates of different shares are taken at
different times: on a machine with other work compare the processor time.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.attendance.penalties import sweep
from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.schedules import roll_forward
from guahao.rules.kernel.facts import Actor
from guahao.rules.staff.staff import Role
from guahao.settings import Settings
from guahao.store.kernel.views import AppointmentView
from guahao.tools.audit.audit import audit
from guahao.tools.bench.browser import member_at_work
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.http import PERSONS_A_PORT, Issue, run_wrk
from guahao.tools.bench.processor import Meter, Used
from guahao.tools.bench.reading import read, read_queries
from guahao.tools.bench.scale import queries
from guahao.tools.bench.scale.queries import READERS, Past
from guahao.tools.bench.serving import web_server
from guahao.tools.scratch import analyze, scratch_database

BOOKINGS_KEPT = 0.9  # of the bookings a second of the first share
BYTES_A_BOOKING, BYTES_A_SESSION = 1_300, 400  # with patients, messages and all indexes
BYTES_MOST = 25 * 10**9
_DESK, _HTTP = "desk", "HTTP"  # ways to book
_RATE = "{}, bookings/s"
_PROCESSOR_TIME = "{}, processor time of a booking: {}, µs"
_REPORTS = ("/staff/reports", "/staff/reports/fill", "/staff/reports/sold-out")
_MEGABYTE = 10**6
_WHOLE_FROM = 100  # larger figures are shown without decimals


@dataclass(frozen=True, slots=True)
class Form:
    """How large the city is at 100 %, the shares of it, and how many book in each measurement."""

    bookings: int = 10_000_000
    sessions: int = 3_000_000
    shares: tuple[float, ...] = (1, 10, 100)  # in percent
    desk_requests: int = 10_000
    over_http: bool = True
    rounds: int = 3
    times: int = 50  # each search and page

    @property
    def bookers(self) -> int:
        """Return how many persons book at a share."""
        over_http = PERSONS_A_PORT if self.over_http else 0
        return self.rounds * (self.desk_requests + over_http)

    @property
    def most_bytes(self) -> int:
        """Return about how large the largest database is."""
        share = max(self.shares) / 100
        return int(share * (self.bookings * BYTES_A_BOOKING + self.sessions * BYTES_A_SESSION))


class _Round(NamedTuple):
    """Bookings, how long they took, and the processor time of what booked and of PostgreSQL."""

    bookings: int
    seconds: float
    used: Used


@dataclass(slots=True)
class Measured:
    """The figures of a share, by name. Of rates more is better, of all others less."""

    share: float
    bookings: int
    sessions: int
    figures: dict[str, float] = field(default_factory=dict)


def run(server_url: str, issuer: Issue, form: Form, console: Console) -> bool:
    """Measure every share and print the table; return whether booking stays as fast."""
    measured = []
    for share in form.shares:
        with scratch_database(server_url) as url:
            measured.append(uvloop.run(measure(url, issuer, form, share, console)))
    show(console, measured)
    return keeps_pace(measured)


def keeps_pace(measured: Sequence[Measured]) -> bool:
    """Return whether the largest share books at nearly the speed of the smallest."""
    return _pace_kept(measured) >= BOOKINGS_KEPT


def _pace_kept(measured: Sequence[Measured]) -> float:
    """Return the lowest of the last share's rates of booking, as a part of the first share's."""
    first, last = measured[0].figures, measured[-1].figures
    rates = [_RATE.format(_DESK)]
    if _RATE.format(_HTTP) in first:
        rates.append(_RATE.format(_HTTP))
    return min(last[rate] / first[rate] for rate in rates)


async def measure(url: str, issuer: Issue, form: Form, share: float, console: Console) -> Measured:
    """Fill a database with a share of the city, and measure everything in it."""
    settings = Settings()
    past = Past(
        max(int(form.bookings * share / 100), 1),
        max(int(form.sessions * share / 100), 1),
        form.bookers,
    )
    measured = Measured(share, past.bookings, past.sessions)

    note = partial(_note, measured, console)

    async def timed(name: str, work: Callable[[], Awaitable[object]]) -> None:
        with console.status(f"{share:g} %: {name} ..."):
            began = time.perf_counter()
            await work()
            taken = time.perf_counter() - began
        note(f"{name}, s", taken)

    async with open_bench(url, connections=settings.desk_lanes + 2) as platform:
        with console.status(f"{share:g} %: filling with {past.bookings:,} bookings ..."):
            began = time.perf_counter()
            queries.fill(url, platform.vault, past, platform.db.clock())
            analyze(url)
            filled_in = time.perf_counter() - began
        async with platform.db.transaction() as tx:
            size = await queries.database_bytes(tx) / _MEGABYTE
            codes = await read_queries.some_codes(tx, platform.vault, 1, READERS)
            await read_queries.add_terms(tx)
        console.print(f"{share:g} %: {past.bookings:,} bookings filled in {filled_in:,.0f} s")
        note("database, MB", size)
        bookers = iter(range(READERS + 1, READERS + form.bookers + 1))
        with console.status(f"{share:g} %: the desk ..."):
            rounds = [
                await _book(platform, settings, form, past, bookers) for _ in range(form.rounds)
            ]
        _note_rounds(note, _DESK, rounds)
        with (
            web_server(url) as (port, server),
            TemporaryDirectory() as folder,
            ExitStack() as closing,
        ):
            if form.over_http and shutil.which("wrk") is not None:
                with console.status(f"{share:g} %: HTTP ..."):
                    people = Path(folder) / "people"
                    rounds = await _over_http(
                        platform, issuer, (port, server), people, form, past, list(bookers)
                    )
                _note_rounds(note, _HTTP, rounds)
            reads = await read.searches_and_pages(platform, issuer, port, READERS, codes, closing)
            for reading in reads:
                with console.status(f"{share:g} %: {reading.name} ..."):
                    p95_ms = read.measure(reading, form.times).p95_ms
                note(f"{reading.name}, p95 ms", p95_ms)
            reader = await member_at_work(platform, port, Role.ADMINISTRATOR)
            closing.callback(reader.client.close)
            for path in _REPORTS:
                began = time.perf_counter()
                reader.get(path)
                note(f"report {path.removeprefix('/staff/')}, s", time.perf_counter() - began)
        await timed("sweep of yesterday", lambda: sweep(platform))
        await timed("sweep with nothing to settle", lambda: sweep(platform))
        await timed("timetable roll-out", lambda: roll_forward(platform))
        await timed("audit", lambda: audit(platform))
        async with platform.db.transaction() as tx:
            if await queries.count_waiting(tx):
                raise RuntimeError("the bench expects a sweep to settle all that is past")
    return measured


def _note(measured: Measured, console: Console, name: str, figure: float) -> None:
    """Note a figure and print it."""
    measured.figures[name] = figure
    console.print(f"{measured.share:g} %: {name}: {_short(figure)}")


def _note_rounds(note: Callable[[str, float], None], way: str, rounds: Sequence[_Round]) -> None:
    """Note the medians of rounds: the rate, and the processor time of a booking."""
    note(_RATE.format(way), median(ran.bookings / ran.seconds for ran in rounds))
    python = median(ran.used.web / ran.bookings for ran in rounds)
    note(_PROCESSOR_TIME.format(way, "Python"), python * 1e6)
    postgres = [ran.used.postgres / ran.bookings for ran in rounds if ran.used.postgres is not None]
    if postgres:
        note(_PROCESSOR_TIME.format(way, "PostgreSQL"), median(postgres) * 1e6)


async def _book(
    platform: Platform, settings: Settings, form: Form, past: Past, bookers: Iterator[int]
) -> _Round:
    """Book over the desk in this process, each person once."""
    # Patient: what is measured is the speed, not whether a busy machine answers in five seconds.
    desk = Desk(
        platform,
        lanes=settings.desk_lanes,
        batch=settings.desk_batch,
        queue=settings.desk_queue,
        patient=True,
    )
    coming = iter([next(bookers) for _ in range(form.desk_requests)])

    async def caller() -> None:
        for person in coming:
            account = read_queries.account_of(person)
            session = random.randint(*past.bookable)
            answer = await desk.book(
                Actor("account", account), f"s{person}", person, session, "api"
            )
            if not isinstance(answer, AppointmentView):
                raise RuntimeError(f"the bench expects every booking to succeed, not {answer}")

    meter = await Meter.of(platform, [])
    await desk.open()
    before, own = meter.read(), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(2 * settings.desk_lanes * settings.desk_batch)))
    taken = time.perf_counter() - began
    used = meter.read().since(before)
    await desk.close()
    return _Round(form.desk_requests, taken, replace(used, web=time.process_time() - own))


async def _over_http(
    platform: Platform,
    issuer: Issue,
    web: tuple[int, subprocess.Popen[bytes]],
    people: Path,
    form: Form,
    past: Past,
    bookers: Sequence[int],
) -> list[_Round]:
    """Book over HTTP under wrk, round by round. `web`: port and process."""
    issue = issuer(platform)
    port, server = web
    meter = await Meter.of(platform, [server])
    with people.open("w", encoding="ascii") as file:
        file.writelines(f"{issue(read_queries.account_of(n))} {n}\n" for n in bookers)
    rounds = []
    for number in range(form.rounds):
        skip = number * PERSONS_A_PORT
        ran, used = await run_wrk(platform, meter, [port], people, skip, past.bookable)
        rounds.append(_Round(ran.bookings, ran.seconds, used))
    return rounds


def show(console: Console, measured: Sequence[Measured]) -> None:
    """Print every figure, and how often the first share's it is."""
    table = Table(title="What grows with the number of bookings; in brackets: × the first share")
    table.add_column("")
    for one in measured:
        table.add_column(f"{one.share:g} %", justify="right")
    table.add_row("bookings", *(f"{one.bookings:,}" for one in measured))
    table.add_row("sessions", *(f"{one.sessions:,}" for one in measured), end_section=True)
    first = measured[0].figures
    for name, base in first.items():
        values = [one.figures[name] for one in measured]
        # A clock of ticks may show nothing for a short time.
        times = ["–" if base == 0 else f"{value / base:.2f}" for value in values]
        cells = [f"{_short(value)} ({of})" for value, of in zip(values, times, strict=True)]
        table.add_row(name, *cells)
    console.print(table)
    kept = _pace_kept(measured)
    held = "yes" if kept >= BOOKINGS_KEPT else "[bold red]no[/]"
    console.print(f"bookings/s at the last share ≥ {BOOKINGS_KEPT} × the first: {kept:.2f}: {held}")
    if _RATE.format(_HTTP) not in first:
        console.print("Not measured over HTTP, which needs wrk (Debian: apt-get install wrk).")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:,.2f}"
