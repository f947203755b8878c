"""Processor time of a bench's parts: web processes, PostgreSQL, the load.

Other work on the machine changes rates at once, and processor time less.
"""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.tools.bench import queries as store

_SERVER = "postgres"


@dataclass(frozen=True, slots=True)
class Used:
    """User and system time in seconds; `postgres` is None where the server is elsewhere."""

    web: float
    postgres: float | None
    load: float

    def since(self, before: Used) -> Used:
        """Return what was used after `before`."""
        postgres = None
        if self.postgres is not None and before.postgres is not None:
            postgres = self.postgres - before.postgres
        return Used(self.web - before.web, postgres, self.load - before.load)


class Meter:
    """Reads the processor time of web processes, of the server behind `platform`, and of wrk."""

    def __init__(self, servers: Sequence[subprocess.Popen[bytes]], backend: int) -> None:
        self._web = [web_of(server) for server in servers]
        self._server = _postmaster(backend)

    @classmethod
    async def of(cls, platform: Platform, servers: Sequence[subprocess.Popen[bytes]]) -> Meter:
        """Return a meter of the web processes that these commands serve with."""
        async with platform.db.transaction() as tx:
            return cls(servers, await store.backend(tx))

    def read(self) -> Used:
        """Return what was used up to now."""
        own = psutil.Process().cpu_times()
        return Used(
            sum(map(_seconds, self._web)),
            None if self._server is None else _of_server(self._server),
            # Of children that have ended, which are the load: the web processes have not.
            own.children_user + own.children_system,
        )


def web_of(server: subprocess.Popen[bytes]) -> psutil.Process:
    """Return Granian's child, which answers."""
    [web] = psutil.Process(server.pid).children()
    return web


def _postmaster(backend: int) -> psutil.Process | None:
    with suppress(psutil.Error):
        process = psutil.Process(backend)
        parent = process.parent()
        if process.name() == _SERVER and parent is not None and parent.name() == _SERVER:
            return parent
    return None


def _of_server(postmaster: psutil.Process) -> float:
    own = postmaster.cpu_times()
    ended: float = own.children_user + own.children_system
    return _seconds(postmaster) + ended + sum(map(_seconds, postmaster.children()))


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):  # a connection that has just ended
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def show_used(console: Console, rounds: Mapping[str, Sequence[tuple[int, Used]]]) -> None:
    """Print the processor time for a booking: medians of rounds of (bookings, what they used)."""
    table = Table(
        title="Processor time for a booking, µs", caption="wrk's with what it prepares beforehand"
    )
    for heading in ("", "web", "PostgreSQL", "wrk", "together"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, ran in rounds.items():
        parts = [
            [used.web / made, (used.postgres or 0.0) / made, used.load / made] for made, used in ran
        ]
        columns = [*zip(*parts, strict=True), [sum(part) for part in parts]]
        cells = [f"{statistics.median(column) * 1e6:.0f}" for column in columns]
        if any(used.postgres is None for _, used in ran):
            cells[1] = "elsewhere"
        table.add_row(name, *cells)
    console.print(table)
