"""`guahao bench draws`: many draws at one moment, and one draw with very many entries.

On the real rules and a real database; every entry is decided under its locks, and a file is
verified. Bounded by counts, never by time. The processor's time is measured apart for this process
and for the database server, if that runs on this machine.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.fairness import draws
from guahao.flows.fairness.opening import open_draws
from guahao.flows.fairness.publishing import file_of
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.settings import Settings
from guahao.store.fairness import draws as store
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.policy.policy_book import PolicyBook
from guahao.tools import draw_verifier
from guahao.tools.bench import draws_queries as queries
from guahao.tools.bench import queries as people
from guahao.tools.bench.city import SECRET_KEY
from guahao.tools.scratch import scratch_database

AT_ONCE = 4  # draws that a worker works on, as in worker.py
_PLACES = 5
_SESSIONS = 2
_PERSONS_OF_ONE_DRAW = 2000
_KILOBYTES = 1024


@dataclass
class _Clock:
    """A clock that the bench moves from step to step."""

    now: datetime = field(
        default_factory=lambda: datetime.now(CITY_TIME).replace(
            hour=8, minute=0, second=0, microsecond=0
        )
    )

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Form:
    """How many draws of one moment, with how many entries each; and the entries of a large one."""

    draws: int
    entries: int
    large: int


class _Steps:
    """The time and the memory of each step. `server`: the process id of the database server."""

    def __init__(self, server: int | None) -> None:
        self._server = server
        self.rows: list[tuple[str, ...]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        began, worked, served = time.perf_counter(), time.process_time(), self._served()
        yield
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        now = self._served()
        by_server = "" if served is None or now is None else f"{now - served:.2f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES
        self.rows.append((name, f"{seconds:.2f}", f"{cpu:.2f}", by_server, f"{peak:,.0f}"))

    @contextmanager
    def child(self, name: str) -> Iterator[None]:
        """Measure what processes of their own do; their peak is the largest of them so far."""
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        yield
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = after.ru_maxrss / _KILOBYTES
        self.rows.append((name, f"{seconds:.2f}", f"{cpu:.2f}", "", f"{peak:,.0f}"))

    def _served(self) -> float | None:
        """Return the processor's seconds of the server and all its processes."""
        if self._server is None:
            return None
        ticks = 0
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                figures = (process / "stat").read_text().rpartition(")")[2].split()
                if int(process.name) == self._server:
                    ticks += sum(map(int, figures[11:15]))  # with the processes that ended
                elif int(figures[1]) == self._server:
                    ticks += sum(map(int, figures[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def show(self, console: Console, title: str) -> None:
        """Print the steps as a table."""
        table = Table(title=title)
        for heading in ("step", "seconds", "CPU s", "CPU s of PostgreSQL", "peak MB"):
            table.add_column(heading, justify="left" if heading == "step" else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def run(server_url: str, form: Form, console: Console) -> bool:
    """Measure and print; return whether all draws were held as they must be."""
    held = []
    for form_of_part in (Form(form.draws, form.entries, 0), Form(1, form.large, form.large)):
        if form_of_part.draws and form_of_part.entries:
            with scratch_database(server_url) as url:
                held.append(uvloop.run(_bench(url, form_of_part, console)))
    return all(held)


@asynccontextmanager
async def _open(url: str, clock: _Clock) -> AsyncIterator[Platform]:
    platform = Platform(
        Database(url, clock, max_size=AT_ONCE + 2),
        Vault(SECRET_KEY),
        PolicyBook(Policy()),
        Settings(),
    )
    await platform.db.open()
    try:
        yield platform
    finally:
        await platform.db.close()


async def _bench(url: str, form: Form, console: Console) -> bool:
    clock = _Clock()
    draw_at = clock.now + timedelta(hours=2)
    entries = form.draws * form.entries
    # In a large draw persons come again: the rules refuse them a second place.
    persons = _PERSONS_OF_ONE_DRAW if form.large else max(entries // 2, 1)
    async with _open(url, clock) as platform:
        with console.status("people apply ..."):
            async with platform.db.transaction() as tx:
                await people.found_city(tx, 0, persons)
                await people.add_persons(tx, platform.vault, persons)
                await queries.hold_places(tx, form.draws, _SESSIONS, _PLACES, draw_at)
                await queries.apply(tx, entries, persons, form.draws)
                steps = _Steps(_local_server(await queries.backend(tx)))
        with steps.step("open"):
            await open_draws(platform)
        clock.now = draw_at - timedelta(minutes=10)
        with steps.step("close"):
            await _advance_all(platform)
        clock.now = draw_at
        with steps.step("draw"):
            await _advance_all(platform)
        with TemporaryDirectory() as folder:
            file = Path(folder, "draw.txt")
            with steps.step("write a file"):
                await _write(platform, file)
            with steps.child("guahao fairness verify"):
                proven = _is_true("-m", "guahao", "fairness", "verify", str(file))
            with steps.child("draw_verifier.py"):
                proven &= _is_true("-I", "-S", draw_verifier.__file__, str(file))
        async with platform.db.transaction() as tx:
            done, entered, won = await queries.totals(tx)
            broken = await queries.broken(tx, Policy())
            miscounted = await queries.miscounted(tx)
    steps.show(console, f"{done:,} draws at one moment, {entered:,} entries, {won:,} won")
    console.print(f"persons beyond a limit: {broken}; sessions miscounted: {miscounted}")
    return (done, broken, miscounted) == (form.draws, 0, 0) and proven


def _local_server(backend: int) -> int | None:
    """Return the process id of the server that has this backend; None on another machine."""
    with suppress(OSError):
        name, _, figures = Path(f"/proc/{backend}/stat").read_text().rpartition(")")
        if "postgres" in name:
            return int(figures.split()[1])
    return None


async def _advance_all(platform: Platform) -> None:
    """Do what is due of every draw, as many at once as a worker does."""
    async with platform.db.transaction() as tx:
        ids = iter(await queries.draw_ids(tx))

    async def work() -> None:
        for draw_id in ids:
            await draws.advance(platform, draw_id)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _write(platform: Platform, file: Path) -> None:
    """Write the file of the first draw."""
    async with platform.db.transaction() as tx:
        row = await store.get(tx, await queries.first_draw(tx))
        assert row is not None
        with file.open("wb") as text:
            async for part in file_of(tx, row):
                text.write(part)


def _is_true(*arguments: str) -> bool:
    """Verify a file in a process of its own, as people do."""
    command = [sys.executable, *arguments]
    found = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own
    return found.returncode == 0
