"""The figures of the mechanisms as a picture: SVG written by hand, which every browser shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from guahao.tools.bench.fairness.figures import Figures

_LABELS, _PANEL, _GAP, _ROW, _TOP = 330, 150, 26, 46, 74
_BAR = 15


@dataclass(frozen=True, slots=True)
class Panel:
    """A column of bars: titles, and the bars of a mechanism with their colours."""

    title: str
    chinese: str
    bars: Callable[[Figures], Sequence[tuple[float, str]]]
    text: Callable[[float], str]


_RED, _GREEN, _BLUE = "#c0392b", "#078040", "#2874a6"
_PANELS = (
    Panel(
        "scalpers' share ÷ their number",
        "号贩子得号份额÷人数份额",
        lambda f: [(f.bots_ratio, _RED)],
        lambda value: f"{value:.2f}",
    ),
    Panel(
        "swaps that succeed",
        "倒号成功率",
        lambda f: [(f.swap_share, _RED)],
        lambda value: f"{value:.1%}",
    ),
    Panel(
        "profit per identity",
        "每个身份获利（元）",
        lambda f: [(f.swap_profit + f.race_profit, _RED)],
        lambda value: f"¥{value:,.0f}",
    ),
    Panel(
        "people who get a place: web, phone",
        "市民得号：网上、电话",
        lambda f: [(f.web_share, _GREEN), (f.phone_share, _BLUE)],
        lambda value: f"{value:.0%}",
    ),
)


def drawn(mechanisms: Sequence[tuple[str, str, Figures]]) -> str:
    """Return the picture; each mechanism by its English name, its Chinese name, its figures."""
    width = _LABELS + len(_PANELS) * (_PANEL + _GAP) + 40
    height = _TOP + len(mechanisms) * _ROW + 10
    parts = []
    for row, (name, chinese, _) in enumerate(mechanisms):
        y = _TOP + row * _ROW
        parts.append(f'<text x="10" y="{y + 18}">{escape(chinese)}</text>')
        parts.append(f'<text class="small" x="10" y="{y + 33}">{escape(name)}</text>')
    for column, panel in enumerate(_PANELS):
        x = _LABELS + column * (_PANEL + _GAP)
        parts.append(f'<text class="title" x="{x}" y="30">{escape(panel.chinese)}</text>')
        parts.append(f'<text class="small" x="{x}" y="47">{escape(panel.title)}</text>')
        values = [panel.bars(figures) for _, _, figures in mechanisms]
        most = max(value for bars in values for value, _ in bars)
        for row, bars in enumerate(values):
            middle = _TOP + row * _ROW + 22
            for number, (value, colour) in enumerate(bars):
                top = middle - len(bars) * _BAR / 2 + number * _BAR
                long = max(0.0, value / most) * (_PANEL - 46)
                parts.append(
                    f'<rect x="{x}" y="{top:.0f}" width="{max(long, 1):.1f}" height="{_BAR - 2}"'
                    f' fill="{colour}"/>'
                    f'<text class="small" x="{x + long + 5:.1f}" y="{top + 11:.0f}">'
                    f"{escape(panel.text(value))}</text>"
                )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        "<title>What scalpers gain and people get, by the way of giving out places</title><style>"
        "text{font:13px sans-serif;fill:#222}.title{font-weight:600}"
        ".small{font-size:11px;fill:#555}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
