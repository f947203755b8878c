"""`guahao bench desk`: the desk in this process, on many sessions and on a hot session."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from itertools import islice

import uvloop
from rich.console import Console

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.processes import rare_collections
from guahao.rules.kernel.facts import Actor
from guahao.settings import Settings
from guahao.store.kernel.views import AppointmentView
from guahao.tools.bench import pgbench
from guahao.tools.bench.city import City, count_appointments, found, open_bench
from guahao.tools.bench.measured import ROUNDS, Round, median, percentile, show
from guahao.tools.bench.queries import HOT_SESSION
from guahao.tools.scratch import analyze, scratch_database

_REQUESTS = 20_000  # a round of the desk
_PERSONS = 2 * ROUNDS * _REQUESTS


def run(server_url: str, settings: Settings, console: Console) -> None:
    """Measure side by side, and print the medians of three rounds."""
    # As a web process does: the collector took a tenth to a fifth of a booking here.
    with scratch_database(server_url) as url, rare_collections():
        uvloop.run(_bench(url, settings, console))


async def _bench(url: str, settings: Settings, console: Console) -> None:
    async with open_bench(url, settings.desk_lanes + 2) as platform:
        with console.status("Filling a scratch database with 100,000 live bookings ..."):
            city = await found(platform, _PERSONS)
            analyze(url)
        persons = iter(range(1, city.persons + 1))
        rounds: dict[str, list[Round]] = {"pgbench": [], "desk, many": [], "desk, hot": []}
        await pgbench.warm_up(platform, url, city)
        for number in range(1, ROUNDS + 1):
            with console.status(f"Round {number} of {ROUNDS} ..."):
                rounds["pgbench"].append(await pgbench.run(platform, url, city))
                rounds["desk, many"].append(await _desk(platform, settings, persons, city))
                rounds["desk, hot"].append(await _desk(platform, settings, persons, None))
    medians = {name: median(name, ran) for name, ran in rounds.items()}
    lanes = f"{settings.desk_lanes} lanes of {settings.desk_batch}"
    show(console, f"The desk in process, {lanes}", list(medians.values()), medians["pgbench"])
    hot = medians["desk, hot"].per_second / medians["desk, many"].per_second
    console.print(f"One hot session makes {hot:.2f} of many sessions.")


async def _desk(
    platform: Platform, settings: Settings, persons: Iterator[int], city: City | None
) -> Round:
    """Run a round; without a city all requests are for the hot session."""
    desk = Desk(
        platform, lanes=settings.desk_lanes, batch=settings.desk_batch, queue=settings.desk_queue
    )
    await desk.open()
    coming = islice(persons, _REQUESTS)
    seconds: list[float] = []
    before = await count_appointments(platform)
    started = time.perf_counter()
    callers = 2 * settings.desk_lanes * settings.desk_batch
    await asyncio.gather(*(_caller(desk, coming, city, seconds) for _ in range(callers)))
    taken = time.perf_counter() - started
    await desk.close()
    seconds.sort()
    made = await count_appointments(platform) - before
    return Round(made, taken, percentile(seconds, 0.5), percentile(seconds, 0.99))


async def _caller(
    desk: Desk, coming: Iterator[int], city: City | None, seconds: list[float]
) -> None:
    for person in coming:
        session = HOT_SESSION
        if city is not None:
            session = random.randint(HOT_SESSION + 1, city.last_session)
        started = time.perf_counter()
        answer = await desk.book(Actor("account", person), f"b{person}", person, session, "api")
        seconds.append(time.perf_counter() - started)
        if not isinstance(answer, AppointmentView):
            raise RuntimeError(f"the bench expects every booking to succeed, not {answer}")
