"""Run the same transaction one at a time, by PostgreSQL's load generator."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

from guahao.embedded import program
from guahao.flows.kernel.platform import Platform
from guahao.tools.bench.city import City, count_appointments
from guahao.tools.bench.measured import Round
from guahao.tools.bench.queries import HOT_SESSION

_CLIENTS = (8, 32)  # few clients wait less for each other, many share the flush of a commit
_TRANSACTIONS = 8_000
_SCRIPT = Path(__file__).with_name("transaction.sql")
_LATENCY = re.compile(r"latency average = ([0-9.]+) ms")
_SECONDS_LIMIT = 300


async def run(platform: Platform, url: str, city: City) -> Round:
    """Run a round with each number of clients, and return the faster."""
    ran = [await _round(platform, url, city, clients) for clients in _CLIENTS]
    return max(ran, key=lambda one: one.per_second)


async def warm_up(platform: Platform, url: str, city: City) -> None:
    """Run an unmeasured round.

    After a checkpoint the first change of each page writes the whole page to the log: the first
    round wrote four times as much and was half as fast as the later ones (docs/decisions/0048).
    """
    await run(platform, url, city)


async def _round(platform: Platform, url: str, city: City, clients: int) -> Round:
    before = await count_appointments(platform)
    seconds, mean_ms = await asyncio.to_thread(_run, url, city, clients)
    return Round(await count_appointments(platform) - before, seconds, mean_ms)


def _run(url: str, city: City, clients: int) -> tuple[float, float]:
    """Return the seconds without connecting, and the mean latency in ms (there is no median)."""
    command = [
        *(str(program("pgbench")), "--no-vacuum", "--protocol=prepared"),
        *(f"--client={clients}", "--jobs=2", f"--transactions={_TRANSACTIONS // clients}"),
        *("-D", f"first_person={city.persons + 1}", "-D", f"last_person={city.last_person}"),
        *("-D", f"first_session={HOT_SESSION + 1}", "-D", f"last_session={city.last_session}"),
        *(f"--file={_SCRIPT}", url),
    ]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=True, timeout=_SECONDS_LIMIT
    )
    tps = re.search(r"tps = ([0-9.]+)", done.stdout)
    latency = _LATENCY.search(done.stdout)
    if tps is None or latency is None:
        raise RuntimeError(f"pgbench said something else:\n{done.stdout}")
    return _TRANSACTIONS / float(tps[1]), float(latency[1])
