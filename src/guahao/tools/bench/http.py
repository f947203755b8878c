"""`guahao bench http`: the whole stack, from socket to commit, under wrk.

A real server process as in production: log-in, validation, limits, idempotency,
messages, encryption and durability on; every request another person's.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from rich.console import Console

from guahao.flows.kernel.platform import Platform
from guahao.tools.bench import pgbench
from guahao.tools.bench.city import City, count_appointments, found, open_bench
from guahao.tools.bench.measured import ROUNDS, Round, median, show
from guahao.tools.bench.processor import Meter, Used, show_used, web_of
from guahao.tools.bench.queries import HOT_SESSION
from guahao.tools.bench.serving import BenchError, web_servers
from guahao.tools.scratch import analyze, scratch_database

Issue = Callable[[Platform], Callable[[int], str]]  # makes the issuer of access tokens

_SECONDS = 5  # a round of wrk
_CONNECTIONS = 128
_TIMEOUT_SECONDS = 30  # wrk counts later answers as errors
PERSONS_A_PORT = 40_000  # of a round: 8,000 a second; a process has booked up to 6,000
_SCRIPT = Path(__file__).with_name("book.lua")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def run(server_url: str, issuer: Issue, processes: int, console: Console) -> None:
    """Measure side by side, and print the medians of three rounds; `processes`: of the web."""
    if shutil.which("wrk") is None:
        raise BenchError("the HTTP bench needs wrk (Debian, Ubuntu: apt-get install wrk)")
    with scratch_database(server_url) as url, TemporaryDirectory() as folder:
        uvloop.run(_bench(url, issuer, Path(folder) / "people", processes, console))


async def _bench(url: str, issuer: Issue, people: Path, processes: int, console: Console) -> None:
    async with open_bench(url, connections=2) as platform:
        with console.status("Filling a scratch database with persons and bookings ..."):
            city = await found(platform, 2 * ROUNDS * PERSONS_A_PORT * processes)
            _write_people(people, issuer(platform), city)
            analyze(url)
        rounds: dict[str, list[Round]] = {"pgbench": [], "HTTP, many": [], "HTTP, hot": []}
        await pgbench.warm_up(platform, url, city)
        with web_servers(url, processes) as web:
            ports = [port for port, _ in web]
            meter = await Meter.of(platform, [process for _, process in web])
            used: dict[str, list[tuple[int, Used]]] = {"HTTP, many": [], "HTTP, hot": []}
            for number in range(ROUNDS):
                with console.status(f"Round {number + 1} of {ROUNDS} ..."):
                    rounds["pgbench"].append(await pgbench.run(platform, url, city))
                    skip = 2 * number * PERSONS_A_PORT * processes
                    for name, sessions in (
                        ("HTTP, many", (HOT_SESSION + 1, city.last_session)),
                        ("HTTP, hot", (HOT_SESSION, HOT_SESSION)),
                    ):
                        ran, took = await run_wrk(platform, meter, ports, people, skip, sessions)
                        rounds[name].append(ran)
                        used[name].append((ran.bookings, took))
                        skip += PERSONS_A_PORT * processes
            memory = max(web_of(process).memory_info().rss for _, process in web) / 2**20
    medians = {name: median(name, ran) for name, ran in rounds.items()}
    count = "one web process" if processes == 1 else f"{processes} web processes"
    title = f"The whole HTTP stack, {count}, {_CONNECTIONS} connections"
    show(console, title, list(medians.values()), medians["pgbench"])
    show_used(console, used)
    hot_share = medians["HTTP, hot"].per_second / medians["HTTP, many"].per_second
    console.print(f"One hot session makes {hot_share:.2f} of many sessions.")
    console.print(f"Memory of a web process after all rounds: {memory:.0f} MB at most.")


def _write_people(path: Path, issue: Callable[[int], str], city: City) -> None:
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{issue(person)} {person}\n" for person in range(1, city.persons + 1))


async def run_wrk(
    platform: Platform,
    meter: Meter,
    ports: Sequence[int],
    people: Path,
    skip: int,
    sessions: tuple[int, int],
) -> tuple[Round, Used]:
    """Book under wrk for some seconds, at each port with its share of connections and people.

    `people`: a token and a person a line, `skip` are used. Times are those of the slowest port.
    Raises RuntimeError if not every request becomes a booking.
    """
    booked_before = await count_appointments(platform)
    # Only around wrk: counting all appointments of a large city takes PostgreSQL a second.
    used_before = meter.read()
    done = await asyncio.gather(
        *(
            asyncio.to_thread(
                _said,
                [
                    *("wrk", "--threads=1", f"--connections={_CONNECTIONS // len(ports)}"),
                    *(f"--duration={_SECONDS}s", f"--timeout={_TIMEOUT_SECONDS}s"),
                    *("--latency", f"--script={_SCRIPT}"),
                    *(f"http://127.0.0.1:{port}", "--", str(people)),
                    *map(str, (skip + number * PERSONS_A_PORT, PERSONS_A_PORT, *sessions)),
                ],
            )
            for number, port in enumerate(ports)
        )
    )
    used = meter.read().since(used_before)
    made = await count_appointments(platform) - booked_before
    for said in done:
        if "Non-2xx" in said or "Socket errors" in said:
            raise RuntimeError(f"the bench expects every booking to succeed:\n{said}")
    if not made:
        raise RuntimeError("the bench expects bookings, and none was made")
    seconds = max(_figure(said, r"requests in ([0-9.]+)(s)") / 1000 for said in done)
    tails = [_percentiles(said) for said in done]
    return Round(made, seconds, max(p50 for p50, _ in tails), max(p99 for _, p99 in tails)), used


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"wrk ended with status {done.returncode}:\n{done.stderr}")
    return done.stdout


def _percentiles(said: str) -> tuple[float, float]:
    return _figure(said, r"50%\s+([0-9.]+)(\w+)"), _figure(said, r"99%\s+([0-9.]+)(\w+)")


def _figure(said: str, pattern: str) -> float:
    """Return a time printed by wrk, in ms."""
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"wrk said something else:\n{said}")
    return float(found[1]) * _MS[found[2]]
