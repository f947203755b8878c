"""`guahao bench`: speed, measured side by side in one run; fairness, simulated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from guahao import wiring
from guahao.cli.common import CommandError, console
from guahao.settings import read_settings
from guahao.tools.bench import callers as bench_callers
from guahao.tools.bench import desk as bench_desk
from guahao.tools.bench import draws as bench_draws
from guahao.tools.bench import feed as bench_feed
from guahao.tools.bench import http as bench_http
from guahao.tools.bench.fairness import bench as bench_fairness
from guahao.tools.bench.fairness.agents import Assumptions
from guahao.tools.bench.morning import bench as bench_morning
from guahao.tools.bench.reading import read as bench_read
from guahao.tools.bench.rush import bench as bench_rush
from guahao.tools.bench.scale import bench as bench_scale
from guahao.web_process import token_issuer

app = typer.Typer(
    help="Speed, measured side by side in one run; fairness, simulated.", no_args_is_help=True
)


@app.command("desk")
def bench_desk_command() -> None:
    """Measure the booking desk in this process, beside pgbench."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_desk.run(url, settings, console)


@app.command("http")
def bench_http_command(
    processes: Annotated[int, typer.Option(min=1, max=16, help="Web processes.")] = 2,
) -> None:
    """Measure the whole HTTP stack under wrk, beside pgbench.

    What the kit runs for the public: two processes with one lane each. A single process has two.
    """
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_http.run(url, token_issuer, processes, console)


@app.command("feed")
def bench_feed_command() -> None:
    """Measure a hospital that publishes 10,000 sessions in one call, again, and changed."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_feed.run(url, console)


@app.command("rush")
def bench_rush_command(
    bots: Annotated[int, typer.Option(min=0, max=500, help="Bots that ask all the time.")] = 50,
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Requests a second of a bot.")] = 100,
    punctual: Annotated[
        int, typer.Option(min=0, max=500, help="More bots, which ask at their moment only.")
    ] = 25,
    persons: Annotated[int, typer.Option(min=10, max=10_000, help="People at a release.")] = 1_000,
    releases: Annotated[int, typer.Option(min=1, max=60, help="Releases of each arm.")] = 10,
) -> None:
    """Run people against bots at releases over HTTP, with personal release moments and without.

    Exit status 1 where the bots have more than RULES.md allows, or the control does not fail.
    A release takes three quarters of a minute. With `--bots 0`: many callers for few places at
    one web process and at two, how fast, and that none is sold twice.
    """
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        if not bots:
            bench_callers.run(url, token_issuer, console)
            return
        form = bench_rush.Form(bots, punctual, rate, persons, releases)
        if not bench_rush.run(url, token_issuer, form, console):
            raise typer.Exit(1)


@app.command("morning")
def bench_morning_command(
    *,
    processes: Annotated[int, typer.Option(min=1, max=16, help="Web processes.")] = 1,
    apart: Annotated[
        bool,
        typer.Option(
            "--apart/--together", help="One more web process for staff and cancels, as in the kit."
        ),
    ] = True,
    connections: Annotated[
        int, typer.Option(min=0, max=50_000, help="Open connections that poll every 30 s.")
    ] = 0,
    readers: Annotated[int, typer.Option(min=10, max=10_000, help="Pages read a second.")] = 200,
    persons: Annotated[int, typer.Option(min=10, max=10_000, help="People at the release.")] = 300,
    bots: Annotated[int, typer.Option(min=0, max=100, help="Bots, 100 requests/s each.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="Rounds; figures are medians.")] = 3,
    seconds: Annotated[
        float, typer.Option(min=2, max=120, help="Of a release; 35 s have all moments.")
    ] = 35,
    chart: Annotated[
        Path | None, typer.Option(help="An SVG file to draw the figures into.")
    ] = None,
) -> None:
    """Measure a city's release: readers, people, bots, agents, clerks and cancels, all at once.

    In each round at the load of the options and at ten times it. Exit status 1 where what must
    hold does not: goodput, refusals, and staff's requests at ten times the load.
    """
    _needs_folder(chart)
    form = bench_morning.Form(
        processes=processes,
        is_apart=apart,
        connections=connections,
        readers=readers,
        persons=persons,
        bots=bots,
        rounds=rounds,
        seconds=seconds,
    )
    with wiring.owner_url(read_settings(os.environ)) as url:
        if not bench_morning.run(url, token_issuer, form, chart, console):
            raise typer.Exit(1)


@app.command("scale")
def bench_scale_command(
    bookings: Annotated[
        int, typer.Option(min=1_000, max=20_000_000, help="Bookings at 100 %.")
    ] = 10_000_000,
    sessions: Annotated[
        int, typer.Option(min=200, max=10_000_000, help="Clinic sessions at 100 %.")
    ] = 3_000_000,
    shares: Annotated[str, typer.Option(help="Percentages, separated by commas.")] = "1,10,100",
) -> None:
    """Measure what grows with the bookings: booking, searches, sweep, audit, reports, size.

    At each share of the city in a database of its own, beside the first. Exit status 1 where the
    last share books at less than 0.9 of the first one's speed. The largest takes some 14 GB of
    the server's disk, and an hour.
    """
    form = bench_scale.Form(bookings, sessions, _shares(shares))
    if form.most_bytes > bench_scale.BYTES_MOST:
        gigabytes = form.most_bytes / 10**9
        raise CommandError(f"this would take {gigabytes:.0f} GB of disk: ask for fewer bookings")
    with wiring.owner_url(read_settings(os.environ)) as url:
        if not bench_scale.run(url, token_issuer, form, console):
            raise typer.Exit(1)


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share <= 100 for share in shares):  # noqa: PLR2004 - percent
        raise CommandError("--shares must be percentages above 0, such as 1,10,100")
    return shares


@app.command("read")
def bench_read_command(
    bookings: Annotated[int, typer.Option(min=1_000_000, help="How many there are.")] = 1_000_000,
) -> None:
    """Measure searches and pages in a city with a million bookings, from request to answer."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_read.run(url, token_issuer, bookings, console)


@app.command("draws")
def bench_draws_command(
    draws: Annotated[int, typer.Option(min=0, max=2900, help="Draws at one moment.")] = 300,
    entries: Annotated[int, typer.Option(min=1, max=10_000, help="Entries of each.")] = 100,
    large: Annotated[
        int, typer.Option(min=0, max=2_000_000, help="Entries of one large draw; 0: none.")
    ] = 1_000_000,
) -> None:
    """Measure draws on the real rules: many at one moment, and one with very many entries."""
    with wiring.owner_url(read_settings(os.environ)) as url:
        if not bench_draws.run(url, bench_draws.Form(draws, entries, large), console):
            raise typer.Exit(1)


@app.command("fairness")
def bench_fairness_command(
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Seasons of each mechanism.")] = 3,
    days: Annotated[int, typer.Option(min=20, max=365, help="How long a season is.")] = 90,
    chart: Annotated[
        Path | None, typer.Option(help="An SVG file to draw the figures into.")
    ] = None,
) -> None:
    """Simulate scalpers against people in a department, under each way of giving out places.

    Reads and writes no database. The same numbers of seeds and days give the same figures.
    """
    _needs_folder(chart)
    bench_fairness.run(Assumptions(days=days), seeds, chart, console)


def _needs_folder(chart: Path | None) -> None:
    if chart is not None and not chart.parent.is_dir():
        raise CommandError(f"there is no folder {chart.parent}")
