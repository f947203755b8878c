"""Draw a chart as SVG: for a desk, and for a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from guahao.web.charts import scale
from guahao.web.charts.chart import Chart, Heat, Series

SIZE = 13  # of the text, in pixels of the drawing
_HEIGHT = 300
_BAR, _BAR_ROW, _CELL = 18, 28, 28
_NAME_ROW = 20  # of a name above its bar
_LEGEND_ROW = 24
_AXIS = 28
_HOVER_MOST = 100  # categories with a tooltip
_VALUES_MOST = 12  # columns with their number above
_GAP = 10
_LABEL_GAP = 1.5 * SIZE  # between names on an axis; closer, two dates read as one
_HEAT_STEPS = 5
_POINTS_MOST = 45  # of a line whose values are all marked
# Plain, hatched, dotted, crossed, striped: a pattern tells bars apart where colours do not.
_OVER = (
    Markup(),
    Markup('<path d="M-2,2l4,-4M0,8l8,-8M6,10l4,-4"/>'),
    Markup('<circle cx="4" cy="4" r="1.4"/>'),
    Markup('<path d="M0,0l8,8M8,0l-8,8"/>'),
    Markup('<path d="M0,4h8"/>'),
)
# Of a square, a triangle, a diamond; the first and the last line have circles.
_CORNERS = {
    1: ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    2: ((0, -1.3), (1.2, 1), (-1.2, 1)),
    3: ((0, -1.5), (1.5, 0), (0, 1.5), (-1.5, 0)),
}
_LEGEND_LEFT = 4.0

Place = Callable[[float], float]  # of a value
Category = Callable[[int], float]  # of the category of this number


@dataclass(frozen=True, slots=True)
class Paper:
    """How wide the drawing is. `name`: its class, by which the stylesheet chooses."""

    name: str
    width: int
    names: int  # room for the names of bars at their left; 0: above them

    @property
    def is_narrow(self) -> bool:
        """Return whether names stand above and legends replace labels."""
        return not self.names


PAPERS = (Paper("wide", 960, 260), Paper("narrow", 340, 0))


def draw(chart: Chart | Heat, key: str) -> Markup:
    """Return the chart's figure. `key`: unique within its page."""
    drawings = Markup().join(
        _frame(chart, paper, f"{key}-{paper.name}", *_drawn(chart, paper, f"{key}-{paper.name}"))
        for paper in PAPERS
    )
    note = Markup('<figcaption class="fact">{}</figcaption>').format(chart.left_out)
    return Markup('<figure class="chart">{}{}</figure>').format(
        drawings, note if chart.left_out else ""
    )


def _drawn(chart: Chart | Heat, paper: Paper, key: str) -> tuple[Markup, float]:
    if isinstance(chart, Heat):
        return _heat(chart, paper)
    if chart.kind == "lines":
        return _lines(chart, paper)
    return _bars(chart, paper, key) if chart.kind == "bars" else _columns(chart, paper, key)


def _frame(chart: Chart | Heat, paper: Paper, key: str, body: Markup, height: float) -> Markup:
    return Markup(
        '<svg class="chart__{paper}" viewBox="0 0 {width} {height}" width="{width}"'
        ' height="{height}" font-size="{size}" role="img" aria-labelledby="{key}-t {key}-d">'
        '<title id="{key}-t">{title}</title><desc id="{key}-d">{says}</desc>{body}</svg>'
    ).format(
        paper=paper.name,
        width=paper.width,
        height=_n(height),
        size=SIZE,
        key=key,
        title=chart.title,
        says=chart.says,
        body=body,
    )


# Lines --------------------------------------------------------------------------------------------


def _lines(chart: Chart, paper: Paper) -> tuple[Markup, float]:
    values = [value for series in chart.series for value in series.values if value is not None]
    low, high = scale.line_range(values)
    marks = scale.ticks(low, high)
    legend, top = _legend(chart.series, paper, lines=True) if paper.is_narrow else (Markup(), 16.0)
    left = max(scale.text_width(chart.write(mark), SIZE) for mark in marks) + 12
    names = max(scale.text_width(series.name, SIZE) for series in chart.series)
    right = paper.width - (14 if paper.is_narrow else names + 24)
    bottom = top + (_HEIGHT - _AXIS - 20)

    def x(n: int) -> float:
        count = len(chart.categories)
        return (left + right) / 2 if count == 1 else left + (right - left) * n / (count - 1)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - marks[0]) / (marks[-1] - marks[0])

    parts = [legend, _upright_axis(chart, marks, y, left, right)]
    parts.append(_category_axis(chart, paper, x, left, right, bottom))
    for number, series in enumerate(chart.series):
        parts.append(_line(series, number, x, y))
    if not paper.is_narrow:
        ends = [y(_last(series)) for series in chart.series]
        placed = scale.spread(ends, SIZE + 3, top, bottom)
        for series, at in zip(chart.series, placed, strict=True):
            parts.append(_text(right + 12, at + SIZE / 3, series.name, "tone-" + series.tone))
    parts.append(_hovers(chart, x, top, bottom, (right - left) / max(len(chart.categories), 1)))
    return Markup().join(parts), bottom + _AXIS


def _last(series: Series) -> float:
    return next((value for value in reversed(series.values) if value is not None), 0)


def _line(series: Series, number: int, x: Category, y: Place) -> Markup:
    """Draw a line for each run of known values, with a marker of its own shape at some of them."""
    known = [(n, value) for n, value in enumerate(series.values) if value is not None]
    runs = [
        [item for _, item in run] for _, run in groupby(enumerate(known), lambda p: p[1][0] - p[0])
    ]
    paths = Markup().join(
        Markup('<polyline points="{}"/>').format(
            " ".join(f"{_n(x(n))},{_n(y(value))}" for n, value in run)
        )
        for run in runs
    )
    every = max(1, len(known) // 12) if len(known) > _POINTS_MOST else 1
    marked = known[::every] if known else []
    if known and known[-1] not in marked:
        marked.append(known[-1])
    markers = Markup().join(_marker(number, x(n), y(value)) for n, value in marked)
    return Markup('<g class="line tone-{tone} line-{number}" data-series="{name}">{}{}</g>').format(
        paths, markers, tone=series.tone, number=number, name=series.name
    )


def _marker(number: int, x: float, y: float) -> Markup:
    """Draw a circle, square, triangle, diamond or ring."""
    size = 3.5
    if number not in _CORNERS:
        filled = "hollow" if number else "full"
        return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(
            filled, _n(x), _n(y), size
        )
    points = " ".join(f"{_n(x + dx * size)},{_n(y + dy * size)}" for dx, dy in _CORNERS[number])
    return Markup('<polygon points="{}"/>').format(points)


def _hovers(chart: Chart, x: Category, top: float, bottom: float, width: float) -> Markup:
    """Draw invisible strips whose tooltips say a category's values."""
    if len(chart.categories) > _HOVER_MOST:
        return Markup()
    return Markup().join(
        Markup(
            '<rect class="hover" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
        ).format(_n(x(n) - width / 2), _n(top), _n(width), _n(bottom - top), _values(chart, n))
        for n in range(len(chart.categories))
    )


def _values(chart: Chart, n: int) -> str:
    said = [
        f"{series.name} {chart.write(value)}"
        for series in chart.series
        if (value := series.values[n]) is not None
    ]
    return "\n".join([chart.categories[n], *said])


# Bars and columns ---------------------------------------------------------------------------------


def _bars(chart: Chart, paper: Paper, key: str) -> tuple[Markup, float]:
    sums = _sums(chart)
    marks = scale.ticks(0, max(sums, default=0), most=4 if paper.is_narrow else 6)
    legend, top = _legend(chart.series, paper, key=key)
    left = paper.names or 4
    totals = max((scale.text_width(chart.write(value), SIZE) for value in sums), default=0)
    right = paper.width - totals - _GAP - 6
    row = _BAR_ROW + (_NAME_ROW if paper.is_narrow else 0)
    bottom = top + row * len(chart.categories) + 4

    def x(value: float) -> float:
        return left + (right - left) * value / marks[-1]

    parts = [_patterns(chart.series, key), legend]
    parts.extend(_rule(x(mark), top, x(mark), bottom) for mark in marks)
    values = [(x(mark), chart.write(mark)) for mark in marks]
    parts.append(_level(paper, values, bottom + 18, "axis-value"))
    for n, name in enumerate(chart.categories):
        at = top + row * n + (row - _BAR - 4)
        if paper.is_narrow:
            room = paper.width - 8
            parts.append(_text(left, at - 6, scale.shortened(name, SIZE, room), "name", full=name))
        else:
            said = scale.shortened(name, SIZE, left - 16)
            parts.append(_text(left - 8, at + _BAR - 5, said, "name", "end", full=name))
        parts.append(_stack(chart, n, key, at, x))
        parts.append(_text(x(sums[n]) + 6, at + _BAR - 5, chart.write(sums[n]), "total"))
    height = bottom + _AXIS
    if chart.axis:
        parts.append(_text((left + right) / 2, height + 10, chart.axis, "axis-name", "middle"))
        height += 18
    return Markup().join(parts), height


def _sums(chart: Chart) -> list[float]:
    return [
        sum(series.values[n] or 0 for series in chart.series) for n in range(len(chart.categories))
    ]


def _stack(chart: Chart, n: int, key: str, y: float, x: Place) -> Markup:
    parts, so_far = [], 0.0
    for number, series in enumerate(chart.series):
        value = series.values[n]
        if not value:
            continue
        parts.append(
            _block(
                chart, series, number, key, n, (x(so_far), y, x(so_far + value) - x(so_far), _BAR)
            )
        )
        so_far += value
    return Markup().join(parts)


def _block(
    chart: Chart,
    series: Series,
    number: int,
    key: str,
    n: int,
    box: tuple[float, float, float, float],
) -> Markup:
    """Draw a bar in its series' pattern; its tooltip says what it is."""
    value = series.values[n]
    assert value is not None
    return Markup(
        '<rect class="block" data-series="{}" fill="url(#{}-p{})" x="{}" y="{}" width="{}"'
        ' height="{}"><title>{}\n{} {}</title></rect>'
    ).format(
        series.name,
        key,
        number,
        *map(_n, box),
        chart.categories[n],
        series.name,
        chart.write(value),
    )


def _columns(chart: Chart, paper: Paper, key: str) -> tuple[Markup, float]:
    sums = _sums(chart)
    marks = scale.ticks(0, max(sums, default=0))
    legend, top = _legend(chart.series, paper, key=key)
    top += 16
    left = max(scale.text_width(chart.write(mark), SIZE) for mark in marks) + 12
    right = paper.width - 12.0
    bottom = top + (_HEIGHT - _AXIS - 20)
    step = (right - left) / max(len(chart.categories), 1)
    width = min(64.0, step * 0.8)

    def x(n: int) -> float:
        return left + step * (n + 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * value / marks[-1]

    parts = [_patterns(chart.series, key), legend]
    parts.append(_upright_axis(chart, marks, y, left, right))
    parts.append(_category_axis(chart, paper, x, left, right, bottom))
    for n in range(len(chart.categories)):
        so_far = 0.0
        for number, series in enumerate(chart.series):
            value = series.values[n]
            if value:
                high = y(so_far) - y(so_far + value)
                box = (x(n) - width / 2, y(so_far + value), width, high)
                parts.append(_block(chart, series, number, key, n, box))
                so_far += value
        if len(chart.categories) <= _VALUES_MOST:
            parts.append(_text(x(n), y(sums[n]) - 5, chart.write(sums[n]), "total", "middle"))
    height = bottom + _AXIS
    if chart.axis:
        parts.append(_text((left + right) / 2, height + 10, chart.axis, "axis-name", "middle"))
        height += 18
    return Markup().join(parts), height


# Heat ---------------------------------------------------------------------------------------------


def _heat(chart: Heat, paper: Paper) -> tuple[Markup, float]:
    left = paper.names or 4
    top = 28.0
    row = _CELL + (_NAME_ROW if paper.is_narrow else 0)
    step = (paper.width - left - 4) / max(len(chart.columns), 1)
    parts = []
    for n, name in enumerate(chart.columns):
        said = scale.shortened(name, SIZE, step - 2)
        parts.append(_text(left + step * (n + 0.5), 18, said, "name", "middle", full=name))
    for number, (name, cells) in enumerate(zip(chart.rows, chart.cells, strict=True)):
        y = top + row * number + (row - _CELL)
        if paper.is_narrow:
            said = scale.shortened(name, SIZE, paper.width - 8)
            parts.append(_text(left, y - 5, said, "name", full=name))
        else:
            said = scale.shortened(name, SIZE, left - 16)
            parts.append(_text(left - 8, y + _CELL - 9, said, "name", "end", full=name))
        for n, cell in enumerate(cells):
            if cell is not None:
                label = f"{name} · {chart.columns[n]}"
                parts.append(_cell(cell, left + step * n, y, step, label))
    return Markup().join(parts), top + row * len(chart.rows) + 8


def _cell(cell: tuple[int, int], x: float, y: float, width: float, label: str) -> Markup:
    part, whole = cell
    share = part / whole
    darkness = min(_HEAT_STEPS, int(share * (_HEAT_STEPS + 1)))
    return Markup(
        '<g class="heat heat-{}"><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<text x="{}" y="{}" text-anchor="middle">{}</text><title>{}</title></g>'
    ).format(
        darkness,
        *map(_n, (x + 1, y + 1, width - 2, _CELL - 2, x + width / 2, y + _CELL - 9)),
        f"{round(100 * share)}%",
        f"{label}\n{100 * share:.1f}% ({part:,} / {whole:,})",
    )


# Shared -------------------------------------------------------------------------------------------


def _upright_axis(
    chart: Chart, marks: Sequence[float], y: Place, left: float, right: float
) -> Markup:
    parts = []
    for mark in marks:
        parts.append(_rule(left, y(mark), right, y(mark)))
        said = chart.write(mark)
        parts.append(_text(left - 8, y(mark) + SIZE / 3, said, "axis-value", "end"))
    return Markup().join(parts)


def _category_axis(
    chart: Chart, paper: Paper, x: Category, left: float, right: float, bottom: float
) -> Markup:
    names = chart.ticks or chart.categories
    widest = max((scale.text_width(name, SIZE) for name in names), default=0)
    chosen = scale.labelled(len(names), right - left, widest + _LABEL_GAP)
    room = max((right - left) / max(len(chosen), 1) - _LABEL_GAP, 3 * SIZE)
    labels = [(x(n), scale.shortened(names[n], SIZE, room)) for n in chosen]
    return _level(paper, labels, bottom + 20, "axis-name")


def _level(paper: Paper, labels: Sequence[tuple[float, str]], y: float, kind: str) -> Markup:
    """Write labels on a level: inside the drawing, and those that fit beside the one before."""
    texts, end = [], -_LABEL_GAP
    for x, label in labels:
        half = scale.text_width(label, SIZE) / 2
        at = min(max(x, half), paper.width - half)
        if at - half >= end + _LABEL_GAP:
            texts.append(_text(at, y, label, kind, "middle"))
            end = at + half
    return Markup().join(texts)


def _legend(
    series: Sequence[Series], paper: Paper, *, key: str = "", lines: bool = False
) -> tuple[Markup, float]:
    """Draw the names beside their pattern or marker; return where the drawing begins below."""
    if len(series) == 1 and not lines:
        return Markup(), 8.0
    x, y, parts = _LEGEND_LEFT, 16.0, []
    for number, line in enumerate(series):
        width = scale.text_width(line.name, SIZE) + 38
        if x > _LEGEND_LEFT and x + width > paper.width:
            x, y = _LEGEND_LEFT, y + _LEGEND_ROW
        if lines:
            sign = Markup('<g class="line tone-{} line-{}"><polyline points="{}"/>{}</g>').format(
                line.tone, number, f"{_n(x)},{_n(y - 4)} {_n(x + 20)},{_n(y - 4)}",
                _marker(number, x + 10, y - 4),
            )  # fmt: skip
        else:
            sign = Markup(
                '<rect class="block" fill="url(#{}-p{})" x="{}" y="{}" width="16" height="14"/>'
            ).format(key, number, _n(x), _n(y - 12))
        parts += [sign, _text(x + 24, y, line.name, "legend")]
        x += width
    return Markup().join(parts), y + 16


def _patterns(series: Sequence[Series], key: str) -> Markup:
    """Define a pattern for each series."""
    patterns = Markup().join(
        Markup(
            '<pattern id="{key}-p{number}" class="tone-{tone}" width="8" height="8"'
            ' patternUnits="userSpaceOnUse"><rect width="8" height="8"/>{over}</pattern>'
        ).format(key=key, number=number, tone=line.tone, over=_OVER[number])
        for number, line in enumerate(series)
    )
    return Markup("<defs>{}</defs>").format(patterns)


def _text(
    x: float, y: float, text: str, kind: str, anchor: str = "start", *, full: str = ""
) -> Markup:
    """Write a text; `full`: said by its tooltip where it was cut."""
    more = Markup("<title>{}</title>").format(full) if full and full != text else ""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}{}</text>').format(
        kind, _n(x), _n(y), anchor, escape(text), more
    )


def _rule(x1: float, y1: float, x2: float, y2: float) -> Markup:
    numbers: Iterable[str] = map(_n, (x1, y1, x2, y2))
    return Markup('<line class="rule" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*numbers)


def _n(value: float) -> str:
    """Write a coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
