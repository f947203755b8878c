"""How many public answers a web process gives, against `/health/live` of the same process.

Under wrk, and by processor time: what a process can serve is what it does in a second of its
processor, however busy the machine is.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

import psutil
from rich.console import Console
from rich.table import Table

from guahao.tools.bench.measured import ROUNDS
from guahao.tools.bench.serving import BenchError

_SECONDS = 2  # of wrk, for each path and round
_CONNECTIONS = 32
_HEALTH = "/health/live"
_SESSIONS = "/api/v1/clinic-sessions?hospital_id=1&department_id=1"
_PATHS = (
    ("home", "/"),
    ("hospital", "/hospitals/1"),
    ("department's week", "/departments/1"),
    ("API: hospitals", "/api/v1/hospitals"),
    ("API: hospital", "/api/v1/hospitals/1"),
    ("API: departments", "/api/v1/hospitals/1/departments"),
    ("API: clinic sessions", _SESSIONS),
    ("FHIR: slots", "/fhir/r4/Slot?schedule=1"),
    ("FHIR: schedules", "/fhir/r4/Schedule?actor=Location/1"),
    ("open supply: manifest", "/$bulk-publish"),
)
_BROWSER = {"Accept-Encoding": "gzip, deflate, br"}
_WHOLE_MIN, _UNCHANGED_MIN = 0.5, 0.7
_MEMORY_MAX_MB = 250
_OK, _NOT_MODIFIED = 200, 304


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers a second of the process's processor time, in three rounds."""

    name: str
    rates: list[float]
    least: float = 0.0  # of /health/live

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.rates)


@dataclass(frozen=True, slots=True)
class _Target:
    name: str
    path: str
    headers: dict[str, str]
    least: float


def measure(port: int, process: subprocess.Popen[bytes], console: Console) -> None:
    """Measure every kind of public answer, whole and not modified, and print the ratios."""
    if shutil.which("wrk") is None:
        raise BenchError("the bench of public answers needs wrk (apt-get install wrk)")
    [web] = psutil.Process(process.pid).children()
    targets = [_Target(_HEALTH, _HEALTH, {}, 0.0)]
    for name, path in _PATHS:
        tag = _tag(port, path)
        targets.append(_Target(name, path, _BROWSER, _WHOLE_MIN))
        known = {**_BROWSER, "If-None-Match": tag}
        targets.append(_Target(f"{name}, not modified", path, known, _UNCHANGED_MIN))
    rates = [Rate(target.name, [], target.least) for target in targets]
    for number in range(ROUNDS):
        for target, rate in zip(targets, rates, strict=True):
            with console.status(f"Round {number + 1} of {ROUNDS}: {target.name} ..."):
                rate.rates.append(_rate(port, web, target))
    _show(console, rates, web.memory_info().rss / 2**20)


def _tag(port: int, path: str) -> str:
    """Return the ETag of an answer, once it is certain that it is in the store."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=_BROWSER)
        answer = connection.getresponse()
        answer.read()
        tag = answer.getheader("ETag")
        if answer.status != _OK or tag is None:
            raise RuntimeError(f"the bench expects a public answer of {path}")
        connection.request("GET", path, headers={**_BROWSER, "If-None-Match": tag})
        if connection.getresponse().status != _NOT_MODIFIED:
            raise RuntimeError(f"the bench expects {path} not to change")
        return tag
    finally:
        connection.close()


def _rate(port: int, web: psutil.Process, target: _Target) -> float:
    """Return the answers a second of processor time."""
    headers = [f"--header={name}: {value}" for name, value in target.headers.items()]
    command = [
        *("wrk", "--threads=1", f"--connections={_CONNECTIONS}", f"--duration={_SECONDS}s"),
        *headers,
        f"http://127.0.0.1:{port}{target.path}",
    ]
    before = web.cpu_times()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)  # noqa: S603
    after = web.cpu_times()
    answered = re.search(r"(\d+) requests in", done.stdout)
    if answered is None or "Non-2xx" in done.stdout:
        raise RuntimeError(f"the bench expects every request to succeed:\n{done.stdout}")
    used = after.user + after.system - before.user - before.system
    return int(answered[1]) / max(used, 0.01)


def _show(console: Console, rates: Sequence[Rate], memory_mb: float) -> None:
    health = rates[0].median
    table = Table(title=f"Public answers of one web process, {_CONNECTIONS} connections")
    for heading in ("", "answers a processor second", f"× {_HEALTH}", "at least"):
        table.add_column(heading, justify="left" if not heading else "right")
    for rate in rates:
        least = f"{rate.least:.1f}" if rate.least else ""
        table.add_row(rate.name, f"{rate.median:,.0f}", f"{rate.median / health:.2f}", least)
    console.print(table)
    slow = [rate.name for rate in rates if rate.median / health < rate.least]
    console.print(f"Every ratio is reached: {'no: ' + ', '.join(slow) if slow else 'yes'}.")
    console.print(f"Memory of the web process: {memory_mb:.0f} MB, at most {_MEMORY_MAX_MB} MB.")
