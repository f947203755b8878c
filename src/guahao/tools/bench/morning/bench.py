"""Measure a whole city at the moment of a release: at the load that is served, and at ten times it.

Everybody comes at once: readers poll the pages, people book at their personal moments, bots send a
hundred requests a second each, agents search for callers, clerks hand out, citizens cancel. The
load grows by readers, people and bots; the staff of a city does not grow in the morning. What
must hold (`figures.laws`) compares both loads in the same run.

Figures are medians of the rounds. The load comes from this process alone, to 127.0.0.1, bounded in
number and time.
"""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Role
from guahao.tools.bench.browser import Browser, member_at_work
from guahao.tools.bench.city import open_bench
from guahao.tools.bench.http import Issue
from guahao.tools.bench.morning import crowd, queries
from guahao.tools.bench.morning.chart import drawn
from guahao.tools.bench.morning.connections import Connections
from guahao.tools.bench.morning.figures import KINDS, LOAD_CORES, STAFF, Arm, laws, ms
from guahao.tools.bench.rush.contestants import FIRST_ASK_SECONDS
from guahao.tools.bench.rush.queries import holders
from guahao.tools.bench.serving import web_server, web_servers, worker
from guahao.tools.scratch import analyze, scratch_database

TIMES = (1, 10)  # the served load, and ten times it
_SHARES = {"home": 0.2, "hospital": 0.1, "week": 0.2, "week renewed": 0.5}  # of the readers
_READERS_POOL, _PERSONS_POOL, _BOTS_POOL, _STAFF_POOL = 64, 400, 8, 8
_PLACES_SHARE = 0.5  # of the people of the served load
_SESSIONS = 3
_MORNING_SECONDS = 35.0  # from the release until the last personal moment has passed
_POLL_SECONDS = 30.0  # between two requests of an open connection
_LAST_SECONDS = 5.0  # for the last answers
_LEAD_SECONDS = 1.0
_SPARE_FILES = 300  # of this process, besides connections


@dataclass(frozen=True, slots=True)
class Form:
    """How large the bench is, at the served load. Bounded, so that it always ends.

    `processes` serve the public; where `is_apart`, one more serves staff and cancels, as behind
    the kit's nginx (`APART_PATHS` in `deploy/plan.py`).
    `readers`, `searches`, `pick_ups` and `cancels` are requests a second, `rate` those of a bot;
    `connections` stay open and poll slowly. Shorter than a morning (35 s) a round begins later
    after its release.
    """

    processes: int = 1
    is_apart: bool = True
    rounds: int = 3
    seconds: float = _MORNING_SECONDS
    readers: int = 200
    persons: int = 300
    bots: int = 2
    rate: int = 100
    searches: int = 5
    pick_ups: int = 5
    cancels: int = 2
    connections: int = 0

    @property
    def places(self) -> int:
        """Return the places of each session."""
        return max(round(self.persons * _PLACES_SHARE / _SESSIONS), 1)

    def everybody(self, times: int) -> int:
        """Return the people and bots of a release."""
        return times * (self.persons + self.bots)


def run(server_url: str, issuer: Issue, form: Form, chart: Path | None, console: Console) -> bool:
    """Measure, print and draw; return whether all that must hold does."""
    form = _with_files(form, console)
    with scratch_database(server_url) as url:
        rounds = uvloop.run(measure(url, issuer, form, console))
    show(console, form, rounds)
    if chart is not None:
        chart.write_text(drawn(rounds), encoding="utf-8")
        console.print(f"Drawn into {chart}.")
    return all(law.holds for law in laws(rounds))


def _with_files(form: Form, console: Console) -> Form:
    """Raise the limit of open files as far as it goes; fewer connections where that is too few.

    The web processes inherit it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    others = _SPARE_FILES + 5 * _READERS_POOL + _PERSONS_POOL + TIMES[-1] * form.bots * _BOTS_POOL
    possible = most - others
    if most == resource.RLIM_INFINITY or form.connections <= possible:
        return form
    console.print(
        f"[bold red]A process may open {most:,} files here: {max(possible, 0):,} connections"
        f" instead of {form.connections:,}. Raise it with `ulimit -Hn` as root.[/]"
    )
    return replace(form, connections=max(possible, 0))


async def measure(url: str, issuer: Issue, form: Form, console: Console) -> list[tuple[Arm, Arm]]:
    """Run all rounds, each at the served load and then at ten times it."""
    people = form.rounds * sum(form.everybody(times) for times in TIMES)
    arms = form.rounds * len(TIMES)
    async with open_bench(url, connections=2) as platform:
        with console.status(f"Filling a scratch database with {people:,} people and bots ..."):
            await queries.let_patients_cancel(platform)
            seconds = form.seconds + 1
            visits, later = await queries.found(
                platform,
                people,
                round(arms * seconds * form.pick_ups),
                round(arms * seconds * form.cancels),
            )
            analyze(url)
        with ExitStack() as processes:
            public = processes.enter_context(web_servers(url, form.processes))
            apart = [processes.enter_context(web_server(url))] if form.is_apart else public
            working = processes.enter_context(worker(url))
            ports = _Ports([port for port, _ in public], [port for port, _ in apart])
            agent = await member_at_work(platform, ports.apart[0], Role.AGENT)
            processes.callback(agent.client.close)
            clerk = await member_at_work(platform, ports.apart[0], Role.CLERK, queries.HOSPITAL_ID)
            processes.callback(clerk.client.close)
            meters = _Meters(
                {
                    "web": [process.pid for _, process in public],
                    **({"web apart": [apart[0][1].pid]} if form.is_apart else {}),
                    "worker": [working.pid],
                },
                await queries.server_pid(platform),
            )
            morning = _Morning(platform, issuer, form, ports, meters, agent, clerk)
            morning.visits, morning.later = iter(visits), iter(later)
            rounds = []
            for number in range(form.rounds):
                done = []
                for times in TIMES:
                    told = f"Round {number + 1} of {form.rounds}, load × {times} ..."
                    with console.status(told):
                        done.append(await morning.release(times))
                rounds.append((done[0], done[1]))
    return rounds


@dataclass(frozen=True, slots=True)
class _Ports:
    """Of the web processes for the public, and of those for staff and cancels."""

    public: Sequence[int]
    apart: Sequence[int]


class _Meters:
    """Processor time of the processes, each with its children."""

    def __init__(self, processes: Mapping[str, Sequence[int]], backend: int) -> None:
        self._processes = processes
        try:
            server = psutil.Process(backend).parent()
        except psutil.NoSuchProcess:
            server = None
        local = server is not None and server.name().startswith("postgres")
        self._server = server.pid if server is not None and local else None

    def seconds(self) -> dict[str, float | None]:
        """Return the seconds used so far; None for a server on another machine."""
        return {
            **{name: sum(map(_used, pids)) for name, pids in self._processes.items()},
            "PostgreSQL": None if self._server is None else _used(self._server),
            "load": time.process_time(),
        }


def _used(pid: int) -> float:
    root = psutil.Process(pid)
    used = sum(root.cpu_times()[:4])  # with children that have ended
    for child in root.children(recursive=True):
        try:
            used += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return used


class _Morning:
    """The city of all rounds; each release has people, bots and hospitals of its own."""

    def __init__(
        self,
        platform: Platform,
        issuer: Issue,
        form: Form,
        ports: _Ports,
        meters: _Meters,
        agent: Browser,
        clerk: Browser,
    ) -> None:
        self._platform = platform
        self._issue = issuer(platform)
        self._form = form
        self._ports = ports
        self._meters = meters
        self._agent = agent
        self._clerk = clerk
        self._releases = 0
        self._persons = 0
        self.visits: Iterator[queries.ExistingBooking] = iter(())
        self.later: Iterator[queries.ExistingBooking] = iter(())

    async def release(self, times: int) -> Arm:
        """Run a release at a multiple of the load."""
        form, platform = self._form, self._platform
        skipped = max(_MORNING_SECONDS - form.seconds, 0.0)
        at = platform.db.clock() + timedelta(seconds=_LEAD_SECONDS - skipped)
        self._releases += 1
        release = await queries.release(platform, self._releases, at, form.places)
        first = self._persons + 1
        self._persons += form.everybody(times)
        bots = range(first, first + times * form.bots)
        persons = range(bots.stop, self._persons + 1)
        contest = crowd.Contest(release, self._issue, platform.db.clock)
        chance = random.Random(self._releases)

        arm = Arm(times, places=_SESSIONS * form.places)
        opened: list[Connections] = []
        streams = self._streams(arm, contest, bots, chance, opened)
        people = Connections(self._ports.public, min(len(persons), _PERSONS_POOL))
        opened.append(people)
        coming = [
            crowd.Person(
                *(contest, people, arm.kinds["people"]),
                contest.request(person, chance.choice(release.sessions)),
                chance,
            )
            for person in persons
        ]
        loop = asyncio.get_running_loop()
        try:
            for pool in opened:
                await pool.open()
            await asyncio.sleep(max((at - platform.db.clock()).total_seconds(), 0.0))
            before = self._meters.seconds()
            began = time.perf_counter()
            latest = min(FIRST_ASK_SECONDS[1], form.seconds / 3)
            for person in coming:
                loop.call_later(chance.uniform(0.0, latest), person.ask)
            await crowd.run(streams, form.seconds)
            arm.seconds = time.perf_counter() - began
            after = self._meters.seconds()
            contest.is_over = True
            await _last_answers(opened)
        finally:
            for pool in opened:
                pool.close()
            await asyncio.sleep(0)  # in which the transports close
        for kind in arm.kinds.values():
            kind.failed = kind.sent - kind.good - kind.refused  # also what was never answered
        arm.cpu = {
            name: None if used is None else used - (before[name] or 0.0)
            for name, used in after.items()
        }
        await self._count_places(arm, release, bots, len(persons))
        return arm

    def _streams(
        self,
        arm: Arm,
        contest: crowd.Contest,
        bots: Sequence[int],
        chance: random.Random,
        opened: list[Connections],
    ) -> list[crowd.Stream]:
        form, release = self._form, contest.release
        streams: list[crowd.Stream] = []

        def add(name: str, rate: float, pool: int, requests: crowd.Requests) -> None:
            ports = self._ports.apart if name in STAFF else self._ports.public
            opened.append(Connections(ports, pool))
            streams.append(crowd.Stream(arm.kinds[name], rate, opened[-1], requests))

        pages = {
            "home": crowd.pages(["/"], chance),
            "hospital": crowd.pages([f"/hospitals/{id}" for id in release.hospitals], chance),
            "week": crowd.pages([f"/departments/{id}" for id in release.departments], chance),
            "week renewed": crowd.renewals(release.departments, chance),
        }
        for name, requests in pages.items():
            add(name, _SHARES[name] * form.readers * arm.times, _READERS_POOL, requests)
        if form.connections:
            renewals = crowd.renewals(release.departments, chance)
            rate = form.connections / _POLL_SECONDS
            add("open connections", rate, form.connections, renewals)
        for bot in bots:
            add("bots", form.rate, _BOTS_POOL, crowd.bot_requests(contest, bot))
        everybody = form.rounds * sum(map(form.everybody, TIMES))
        searches = crowd.searches(self._agent, everybody, chance)
        add("agents' searches", form.searches, _STAFF_POOL, searches)
        add("pick-ups", form.pick_ups, _STAFF_POOL, crowd.pick_ups(self._clerk, self.visits))
        add("cancels", form.cancels, _STAFF_POOL, crowd.cancels(self._issue, self.later))
        return streams

    async def _count_places(
        self, arm: Arm, release: queries.Release, bots: Sequence[int], persons: int
    ) -> None:
        """Count who has the places, and that none was given out twice."""
        async with self._platform.db.transaction() as tx:
            held = await holders(tx, release.sessions)
        for session, winners in held.items():
            if len(set(winners)) != len(winners) or len(winners) > release.places:
                raise OversoldError(f"session {session}: {len(winners)} of {release.places} places")
        winners = [person for mine in held.values() for person in mine]
        arm.booked = len(winners)
        if bots and winners:
            won = sum(person in bots for person in winners) / len(winners)
            arm.bots_share = won / (len(bots) / (len(bots) + persons))


async def _last_answers(opened: Sequence[Connections]) -> None:
    """Wait until everything is answered, for some seconds."""
    ends = time.perf_counter() + _LAST_SECONDS
    while any(pool.unanswered for pool in opened):
        if time.perf_counter() > ends:
            break
        await asyncio.sleep(0.05)


class OversoldError(Exception):
    """A place was given out twice: the bench has found a bug."""


# What is printed --------------------------------------------------------------------------------


def show(console: Console, form: Form, rounds: Sequence[tuple[Arm, Arm]]) -> None:
    """Print both loads by kind, who used the processors, and what must hold."""
    plural = "es" if form.processes > 1 else ""
    apart = " and one apart" if form.is_apart else ""
    table = Table(
        title=f"A release morning, {form.processes} web process{plural}{apart},"
        f" {form.connections:,} open connections; medians of {form.rounds}"
    )
    headings = ["", *(f"{what} × {times}" for times in TIMES for what in _COLUMNS)]
    for heading in headings:
        table.add_column(heading, justify="left" if not heading else "right")
    for name in KINDS:
        if any(arm.kinds[name].sent for pair in rounds for arm in pair):
            cells = [cell for side in _sides(rounds) for cell in _cells(side, name)]
            table.add_row(name, *cells)
    console.print(table)
    console.print(
        "answers/s: with what was wanted. Latencies in ms, from sending to the last byte."
    )
    for side in _sides(rounds):
        _show_side(console, side)
    for law in laws(rounds):
        console.print(f"{law.name}: {law.found}: {'yes' if law.holds else '[bold red]no[/]'}")


_COLUMNS = ("answers/s", "p50", "p99", "failed")


def _sides(rounds: Sequence[tuple[Arm, Arm]]) -> list[list[Arm]]:
    return [[pair[side] for pair in rounds] for side in range(len(TIMES))]


def _cells(arms: Sequence[Arm], name: str) -> list[str]:
    kinds = [arm.kinds[name] for arm in arms]
    rates = median(arm.kinds[name].good / arm.seconds for arm in arms)
    fifty, ninety_nine = (
        median(ms(kind.seconds, share) for kind in kinds) for share in (0.5, 0.99)
    )
    failed = sum(kind.failed for kind in kinds)
    return [f"{rates:,.1f}", f"{fifty:.0f}", f"{ninety_nine:.0f}", f"{failed:,}"]


def _show_side(console: Console, arms: Sequence[Arm]) -> None:
    times = arms[0].times
    sent = median(sum(kind.sent for kind in arm.kinds.values()) / arm.seconds for arm in arms)
    shares = [arm.bots_share for arm in arms if arm.bots_share is not None]
    bots = f", bots' share ÷ their number {median(shares):.2f}" if shares else ""
    console.print(
        f"× {times}: goodput {median(arm.goodput for arm in arms):,.0f}/s of {sent:,.0f} requests/s"
        f" sent; {median(arm.booked for arm in arms):,.0f} of {arms[0].places:,} places booked;"
        f" refusals p99 {median(arm.refusals_p99_ms for arm in arms):.0f} ms{bots}"
    )
    cores = {name: _median_cores(arms, name) for name in arms[0].cpu}
    used = ", ".join(f"{name} {share}" for name, share in cores.items())
    console.print(f"× {times}: cores used: {used}")
    for name in ("people", "bots"):
        said = sum((arm.kinds[name].said for arm in arms), start=Counter[str]())
        counted = ", ".join(f"{word} {count:,}" for word, count in said.most_common(6))
        console.print(f"× {times}: {name} heard {counted or 'nothing'}")
    if median(arm.load_cores for arm in arms) > LOAD_CORES:
        console.print(
            f"[bold red]× {times}: the load itself was the bottleneck, with more than"
            f" {LOAD_CORES} of its core. The platform was asked less, and latencies hold the load's"
            " own delay: lower --readers or --bots.[/]"
        )


def _median_cores(arms: Sequence[Arm], name: str) -> str:
    used = [arm.cpu[name] for arm in arms]
    known = [cpu / arm.seconds for cpu, arm in zip(used, arms, strict=True) if cpu is not None]
    return f"{median(known):.2f}" if known else "on another machine"
