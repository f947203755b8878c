"""`guahao bench fairness`: what scalpers gain, and people get, under each way of release."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from guahao.tools.bench.fairness import chart
from guahao.tools.bench.fairness.agents import MECHANISMS, Assumptions, Mechanism
from guahao.tools.bench.fairness.figures import Figures, Tally, total
from guahao.tools.bench.fairness.season import simulate


@dataclass(frozen=True, slots=True)
class Compared:
    """A mechanism and its figures over all seasons."""

    mechanism: Mechanism
    figures: Figures


def run(assumed: Assumptions, seeds: int, chart_file: Path | None, console: Console) -> None:
    """Simulate every mechanism, print the table and what it assumes, and draw the chart."""
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Seasons", total=len(MECHANISMS) * seeds)
        compared = compare(assumed, seeds, lambda: progress.advance(task))
    _show(console, compared)
    console.print(_ASSUMED.format(a=assumed, seeds=seeds), markup=False, highlight=False)
    if chart_file is not None:
        named = [(c.mechanism.name, c.mechanism.chinese, c.figures) for c in compared]
        chart_file.write_text(chart.drawn(named), encoding="utf-8")
        console.print(f"Chart: {chart_file}")


def compare(
    assumed: Assumptions,
    seeds: int,
    advance: Callable[[], None] = lambda: None,
    mechanisms: Sequence[Mechanism] = MECHANISMS,
) -> list[Compared]:
    """Return the figures of every mechanism over seasons with the seeds 1, 2, …"""
    tallies: dict[Mechanism, list[Tally]] = {mechanism: [] for mechanism in mechanisms}
    # Spawned, since a fork of a process with threads may wait for ever.
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        seasons = {
            pool.submit(simulate, mechanism, assumed, seed): mechanism
            for seed in range(1, seeds + 1)
            for mechanism in mechanisms
        }
        for season in as_completed(seasons):
            tallies[seasons[season]].append(season.result())
            advance()
    return [
        Compared(mechanism, Figures.of(total(counted), seeds, assumed.bots, assumed.price_yuan))
        for mechanism, counted in tallies.items()
    ]


def _show(console: Console, compared: Sequence[Compared]) -> None:
    table = Table(
        title="What scalpers gain and people get", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0)
    )
    table.add_column("")
    for heading in (
        "share ÷\nnumber",
        "swaps",
        "¥, by\nswaps",
        "¥, by\nraces",
        "web",
        "phone",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in compared:
        figures = row.figures
        table.add_row(
            row.mechanism.name,
            f"{figures.bots_ratio:.2f} ± {figures.bots_ratio_error:.2f}",
            f"{figures.swap_share:.1%}",
            f"{figures.swap_profit:,.0f}",
            f"{figures.race_profit:,.0f}",
            f"{figures.web_share:.1%}",
            f"{figures.phone_share:.1%}",
        )
    console.print(table)
    allowed = [c.figures.swap_share_allowed for c in compared if c.figures.swap_share_allowed]
    if allowed:
        console.print(f"2/W, the most that FAIRNESS allows a swap in a draw: {min(allowed):.2%}.")


_ASSUMED = """\
Assumed, in {seeds} × {a.days} days (after two weeks each that are not counted):
- One department, {a.places} places a day, booked {a.cycle_days} days ahead from 07:00. All limits\
 per person are the platform's own, and so are cancelling, draws, returned places and the\
 personal moment.
- {a.seekers} new seekers a day, {a.phone_share:.0%} by phone only, each waiting\
 {a.patience_days[0]} to {a.patience_days[1]} days for any date. {a.buyers_share:.0%} of them pay a\
 scalper ¥{a.price_yuan}: half for a place that it holds, half for being raced for in their own\
 name. "People" are the others; {a.cancels_share:.0%} of those with a place cancel it.
- {a.bots} identities of the scalper hold what they win, within the limits, and cancel at 14:50 on\
 the day before what was not sold. They go on trying when it does not pay. Programs ask within\
 {a.bot_latency[0]:.3f} to {a.bot_latency[1]:.2f} s, and look every {a.poll_interval} s.
- {a.tries_share:.0%} of the people on the web are there at a release and tap after\
 {a.click[0]:.0f} s (median; a tenth later than 10 s); they react to a countdown after\
 {a.reaction[0]} s, and look {a.looks_a_day} times a day for a minute for returned places.
- {a.agents} agents of the hotline take {a.call_minutes:.0f} minutes a call; callers wait\
 {a.on_hold_minutes:.0f} minutes at most.
"share ÷ number": the scalper's share of the places, divided by the share of its identities and\
 those raced for among all that asked for them. "swaps": how often the buyer gets the very place\
 that was cancelled for them. "¥": a season's profit per identity of the scalper; by races only\
 for places beyond an equal share. "web", "phone": people who get a place."""
