"""What a chart shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

SERIES_MAX = 5  # more cannot be told apart

Number = int | float
Write = Callable[[Number], str]


def count_text(value: Number) -> str:
    """Write 1,234, with a decimal only where there is a fraction."""
    rounded = round(value, 1)
    return f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,.1f}"


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of a kind, in the order of the chart's categories.

    `tone` names what they stand for, and so their colour: the same in every chart.
    """

    tone: str
    name: str
    values: Sequence[Number | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """`lines` over days, stacked horizontal `bars`, or upright `columns`.

    `ticks`: shorter names of the categories, for an axis. `axis`: what the categories of
    columns are, the values of bars. `write`: a value with its unit. `left_out`: a sentence where
    some groups are not drawn.
    """

    kind: Literal["lines", "bars", "columns"]
    title: str
    says: str
    categories: Sequence[str]
    series: Sequence[Series]
    ticks: Sequence[str] = ()
    axis: str = ""
    write: Write = field(default=count_text)
    left_out: str = ""

    def __post_init__(self) -> None:
        assert len(self.series) <= SERIES_MAX
        assert all(len(series.values) == len(self.categories) for series in self.series)

    @property
    def has_data(self) -> bool:
        """Return whether anything but zeros would be drawn."""
        return any(value for series in self.series for value in series.values)


@dataclass(frozen=True, slots=True)
class Heat:
    """Rows by columns: the darker the fuller, and the share in each cell.

    `cells`: part and whole by row and column; None: nothing there.
    """

    title: str
    says: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[tuple[int, int] | None]]
    left_out: str = ""

    @property
    def has_data(self) -> bool:
        """Return whether there is a cell to draw."""
        return any(cell is not None for row in self.cells for cell in row)


def of_most_five(series: Sequence[Series], others: str) -> list[Series]:
    """Return the largest series in their order, and the sum of the rest as `others`."""
    if len(series) <= SERIES_MAX:
        return list(series)
    by_size = sorted(series, key=lambda line: -sum(value or 0 for value in line.values))
    largest = {id(line) for line in by_size[: SERIES_MAX - 1]}
    rest = [line for line in series if id(line) not in largest]
    sums = [sum(values) for values in zip(*(map(_zero, line.values) for line in rest), strict=True)]
    shown = [line for line in series if id(line) in largest]
    return [*shown, replace(rest[-1], tone="other", name=others, values=sums)]


def _zero(value: Number | None) -> Number:
    return value or 0
