"""What is drawn is what the numbers say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from tests.web.charts.drawings import Drawing, drawings

from guahao.web.charts import Chart, Heat, Series, draw, of_most_five
from guahao.web.charts.chart import count_text
from guahao.web.charts.draw import SIZE
from guahao.web.charts.scale import text_width

DAYS = [f"12月{n}日" for n in range(1, 8)]
MADE, CAME = [10, 12, 0, 40, 35, 20, 18], [1, 2, 0, 4, 9, 3, 2]


def lines() -> Chart:
    return Chart(
        "lines",
        "预约数",
        "每天的预约。",
        DAYS,
        [Series("made", "预约数", MADE), Series("picked_up", "已取号", CAME)],
        ticks=[f"{n}日" for n in range(1, 8)],
    )


def bars(count: int = 3) -> Chart:
    names = [f"第{n}医院" for n in range(count)]
    return Chart(
        "bars",
        "各医院",
        "各医院的预约。",
        names,
        [
            Series("picked_up", "来了", [5 * n for n in range(count)]),
            Series("no_show", "没来", [2] * count),
        ],
    )


def only(chart: Chart | Heat, paper: str = "wide") -> Drawing:
    [drawing] = drawings(str(draw(chart, "c")), paper)
    return drawing


@pytest.mark.parametrize("paper", ["wide", "narrow"])
def test_the_points_of_a_line_stand_at_the_values_of_its_axis(paper: str) -> None:
    drawing = only(lines(), paper)
    axis = [(float(t.get("y", "")), float(t.text or "")) for t in drawing.of("axis-value")]
    (y0, v0), (y1, v1) = axis[0], axis[-1]
    assert v0 == 0
    for name, values in (("预约数", MADE), ("已取号", CAME)):
        [group] = [g for g in drawing.root.iter("g") if g.get("data-series") == name]
        [line] = group.iter("polyline")
        ys = [float(point.split(",")[1]) for point in line.get("points", "").split()]
        # The numbers of the axis stand a third of a letter under their lines.
        read = [v0 + (y - (y0 - 13 / 3)) * (v1 - v0) / (y1 - y0) for y in ys]
        assert read == pytest.approx(values, abs=0.05)


@pytest.mark.parametrize("paper", ["wide", "narrow"])
def test_bars_are_as_long_as_their_numbers_from_zero_on(paper: str) -> None:
    drawing = only(bars(), paper)
    blocks = [e for e in drawing.of("block") if e.get("data-series")]
    said = [int((e.findtext("title") or "").rpartition(" ")[2]) for e in blocks]
    per = {round(float(e.get("width", "")) / n, 1) for e, n in zip(blocks, said, strict=True)}
    assert max(per) - min(per) < 0.2
    assert sorted(said) == [2, 2, 2, 5, 10]
    assert [t.text for t in drawing.of("total")] == ["2", "7", "12"]


@pytest.mark.parametrize("paper", ["wide", "narrow"])
@pytest.mark.parametrize("kind", ["lines", "columns", "bars"])
@pytest.mark.parametrize("count", [2, 5, 14, 30, 91])
@pytest.mark.parametrize("name", ["11月{n}日", "{n} Nov", "{n:02}:00", "2026年{n}月"])
def test_names_on_an_axis_stand_apart_and_within_the_drawing(
    paper: str, kind: Any, count: int, name: str
) -> None:
    names = [name.format(n=n + 1) for n in range(count)]
    values = [n * 1000 for n in range(1, count + 1)]

    def write(value: float) -> str:
        return f"{value / 60:.0f}小时{value % 60:.0f}分"

    chart = Chart(
        kind, "图", "图。", names, [Series("made", "数", values)], ticks=names, write=write
    )
    drawing = only(chart, paper)
    labels = drawing.of("axis-value" if kind == "bars" else "axis-name")
    ends = [_ends(label) for label in labels]
    assert len(ends) >= min(count, 2)
    assert all(later[0] - before[1] >= SIZE for before, later in pairwise(ends))
    width = float(drawing.root.get("width", ""))
    assert ends[0][0] >= -0.1
    assert ends[-1][1] <= width + 0.1


def _ends(label: Element) -> tuple[float, float]:
    """Where a label begins and ends."""
    half = text_width(label.text or "", SIZE) / 2
    middle = float(label.get("x", ""))
    assert label.get("text-anchor") == "middle"
    return middle - half, middle + half


def test_a_line_has_its_name_at_its_end_and_on_a_phone_in_the_legend() -> None:
    wide, narrow = only(lines()), only(lines(), "narrow")
    [path] = [g for g in wide.root.iter("g") if g.get("data-series") == "预约数"]
    last = next(path.iter("polyline")).get("points", "").split()[-1].split(",")
    [name] = [t for t in wide.root.iter("text") if t.text == "预约数"]
    assert float(name.get("x", "")) > float(last[0])
    assert float(name.get("y", "")) == pytest.approx(float(last[1]) + 13 / 3, abs=0.1)
    assert {t.text for t in narrow.of("legend")} == {"预约数", "已取号"}


def test_lines_differ_without_their_colour() -> None:
    chart = Chart("lines", "t", "d", DAYS, [Series("made", str(n), [n] * 7) for n in range(5)])
    groups = [g for g in only(chart).root.iter("g") if g.get("data-series")]
    assert len({g.get("class", "").split()[-1] for g in groups}) == 5


def test_stacked_bars_differ_without_their_colour() -> None:
    fills = {e.get("fill") for e in only(bars()).of("block") if e.get("data-series")}
    assert fills == {"url(#c-wide-p0)", "url(#c-wide-p1)"}


def test_a_reader_who_does_not_see_it_hears_title_and_description() -> None:
    drawing = only(lines())
    named = drawing.root.get("aria-labelledby", "").split()
    assert drawing.root.get("role") == "img"
    assert [e.text for e in drawing.root.iter() if e.get("id") in named] == [
        "预约数",
        "每天的预约。",
    ]


def test_markup_in_a_name_is_text() -> None:
    chart = Chart("bars", "<b>", "&", ['"><script>'], [Series("made", "<i>", [3])])
    html = str(draw(chart, "c"))
    assert "<script>" not in html
    assert only(chart).numbers == {('"><script>', "<i>"): "3"}


def test_a_gap_in_a_line_is_not_drawn_over() -> None:
    chart = Chart("lines", "t", "d", DAYS, [Series("made", "s", [1, 2, None, 4, 5, 6, 7])])
    points = [e.get("points", "").split() for e in only(chart).root.iter("polyline")]
    assert [len(run) for run in points] == [2, 4]


@pytest.mark.parametrize("kind", ["lines", "bars", "columns"])
def test_a_chart_of_nothing_and_of_a_single_value_is_drawn(kind: str) -> None:
    for values in ([], [0], [7]):
        names = ["甲"] * len(values)
        chart = Chart(kind, "t", "d", names, [Series("made", "s", values)])  # type: ignore[arg-type]
        assert "nan" not in str(draw(chart, "c"))
        assert chart.has_data is (values == [7])


def test_every_label_stays_on_the_paper() -> None:
    for chart in (lines(), bars(15), Chart("columns", "t", "d", DAYS, [Series("made", "s", MADE)])):
        for paper, width in (("wide", 960), ("narrow", 340)):
            for text in only(chart, paper).root.iter("text"):
                assert 0 <= float(text.get("x", "")) <= width


def test_a_heat_map_says_its_share_in_each_cell() -> None:
    heat = Heat("t", "d", ["甲", "乙"], ["周一", "周二"], [[(1, 2), None], [(0, 5), (5, 5)]])
    drawing = only(heat)
    cells = drawing.of("heat")
    assert [c.findtext("text") for c in cells] == ["50%", "0%", "100%"]
    assert next(c.findtext("title") for c in cells) == "甲 · 周一\n50.0% (1 / 2)"
    assert [c.get("class", "").split()[1] for c in cells] == ["heat-3", "heat-0", "heat-5"]


def test_more_than_five_series_end_as_others() -> None:
    seven = [Series("made", str(n), [n, n]) for n in range(7)]
    shown = of_most_five(seven, "其他")
    assert [(series.name, list(series.values)) for series in shown] == [
        ("3", [3, 3]), ("4", [4, 4]), ("5", [5, 5]), ("6", [6, 6]), ("其他", [3, 3]),
    ]  # fmt: skip
    assert of_most_five(seven[:5], "其他") == seven[:5]
    with pytest.raises(AssertionError):
        Chart("lines", "t", "d", ["甲", "乙"], seven)


def test_numbers_are_written_as_people_do() -> None:
    assert [count_text(n) for n in (0, 3.0, 2.5, 12345)] == ["0", "3", "2.5", "12,345"]
