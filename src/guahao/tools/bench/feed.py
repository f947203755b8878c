"""`guahao bench feed`: a hospital publishes 10,000 clinic sessions in one call, over HTTP.

A real server process; a token by client credentials; the same list again, a changed list,
and how long other calls of the same process had to wait meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.integration.clients import NewSecret, add_client
from guahao.rules.integration.clients import Scope
from guahao.rules.staff.staff import SYSTEM
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.measured import percentile
from guahao.tools.bench.queries import found_hospital
from guahao.tools.bench.serving import web_server
from guahao.tools.scratch import scratch_database

_SESSIONS = 10_000
_DEPARTMENTS = 20
_DAYS = 80
_TIMEOUT_SECONDS = 120


def run(server_url: str, console: Console) -> None:
    """Measure and print."""
    with scratch_database(server_url) as url:
        uvloop.run(_bench(url, console))


async def _bench(url: str, console: Console) -> None:
    async with open_bench(url, connections=2) as platform:
        async with platform.db.transaction() as tx:
            hospital_id = await found_hospital(tx)
            first = tx.now.date() + timedelta(days=1)
        secret = await add_client(platform, SYSTEM, hospital_id, "bench", {Scope.SUPPLY})
        assert isinstance(secret, NewSecret)
        with web_server(url) as (port, _):
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, timeout=_TIMEOUT_SECONDS) as client:
                await _measure(client, secret, first, console)


async def _measure(
    client: httpx.AsyncClient, secret: NewSecret, first: date, console: Console
) -> None:
    await _log_in(client, secret)
    await client.put("/api/v1/hospital/departments", json={"items": _departments()})
    table = Table(title=f"{_SESSIONS:,} clinic sessions in one call")
    for heading in ("", "seconds", "what it did", "others waited, ms (p50, most)"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for name, capacity in (("first", 20), ("again", 20), ("changed", 21), ("changed again", 22)):
        items = [_session(number, first, capacity) for number in range(_SESSIONS)]
        with console.status(f"{name} ..."):
            table.add_row(name, *await _publish(client, items))
    console.print(table)


async def _log_in(client: httpx.AsyncClient, secret: NewSecret) -> None:
    answer = await client.post(
        "/api/v1/hospital/token",
        data={"grant_type": "client_credentials"},
        auth=(secret.client_id, secret.secret),
    )
    client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"


async def _publish(client: httpx.AsyncClient, items: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Publish, and return the duration, the result, and how long others waited."""
    waits: list[float] = []
    others = asyncio.create_task(_ask_all_the_time(client, waits))
    started = time.perf_counter()
    answer = await client.put("/api/v1/hospital/clinic-sessions", json={"items": items})
    seconds = time.perf_counter() - started
    others.cancel()
    with suppress(asyncio.CancelledError):
        await others
    body = answer.raise_for_status().json()
    did = ", ".join(f"{body[name]:,} {name}" for name in ("created", "changed", "unchanged"))
    waits.sort()
    waited = f"{percentile(waits, 0.5):.0f}, {percentile(waits, 1):.0f}" if waits else ""
    return f"{seconds:.2f}", did, waited


async def _ask_all_the_time(client: httpx.AsyncClient, waits: list[float]) -> None:
    """Call the same web process repeatedly, as another client."""
    while True:
        started = time.perf_counter()
        await client.get("/api/v1/hospitals?q=x")
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)


def _departments() -> list[dict[str, Any]]:
    below = [
        {"external_id": f"D-{number}", "name": f"科室{number}", "parent_external_id": "D"}
        for number in range(_DEPARTMENTS)
    ]
    return [{"external_id": "D", "name": "内科"}, *below]


def _session(number: int, first: date, capacity: int) -> dict[str, Any]:
    day = first + timedelta(days=number % _DAYS)
    return {
        "external_id": f"S-{day:%Y%m%d}-{number}",
        "department_external_id": f"D-{number // _DAYS % _DEPARTMENTS}",
        "title": "主任医师",
        "specialty": "高血压",
        "visit_date": day.isoformat(),
        "period": "morning",
        "starts_at": "08:00",
        "ends_at": "12:00",
        "fee_fen": 8000,
        "capacity": capacity,
    }
