"""The result of a round, the median of rounds, and the table that compares them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Round:
    """`bookings` are rows counted in the database; latencies in ms, None where unknown."""

    bookings: int
    seconds: float
    p50_ms: float
    p99_ms: float | None = None

    @property
    def per_second(self) -> float:
        """Return the committed bookings a second."""
        return self.bookings / self.seconds


@dataclass(frozen=True, slots=True)
class Median:
    """The median of several rounds, for each figure separately.

    `slowest` and `fastest`: bookings a second of these rounds.
    """

    name: str
    per_second: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float | None


def median(name: str, rounds: Sequence[Round]) -> Median:
    """Return the median of each figure."""
    tails = [one.p99_ms for one in rounds if one.p99_ms is not None]
    rates = [one.per_second for one in rounds]
    return Median(
        name,
        statistics.median(rates),
        min(rates),
        max(rates),
        statistics.median(one.p50_ms for one in rounds),
        statistics.median(tails) if tails else None,
    )


def percentile(sorted_seconds: Sequence[float], share: float) -> float:
    """Return a percentile in ms."""
    return sorted_seconds[int(share * (len(sorted_seconds) - 1))] * 1000


def show(console: Console, title: str, rows: Sequence[Median], base: Median) -> None:
    """Print a table with each rate as a multiple of `base`, measured in the same run."""
    table = Table(title=title)
    for heading in ("", "bookings/s", "rounds", "p50 ms", "p99 ms", f"× {base.name}"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.per_second:,.0f}",
            f"{row.slowest:,.0f} to {row.fastest:,.0f}",
            f"{row.p50_ms:.1f}",
            "" if row.p99_ms is None else f"{row.p99_ms:.1f}",
            f"{row.per_second / base.per_second:.2f}",
        )
    console.print(table)
