"""The morning's figures as a picture: SVG written by hand, which every browser shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from xml.sax.saxutils import escape

from guahao.tools.bench.morning.figures import KINDS, Arm, ms

_LABELS, _PANEL, _GAP, _ROW, _TOP, _BAR = 210, 190, 60, 44, 84, 14
_COLOURS = ("#2874a6", "#c0392b")
_CHINESE = {
    "home": "首页",
    "hospital": "医院页",
    "week": "科室一周",
    "week renewed": "科室一周（自动更新）",
    "open connections": "长时间打开的页面",
    "people": "市民预约",
    "bots": "抢号程序",
    "agents' searches": "话务员查询",
    "pick-ups": "窗口取号",
    "cancels": "退号",
}
_Figure = Callable[[Arm, str], float]
_PANELS: tuple[tuple[str, str, _Figure], ...] = (
    (
        "每秒有效应答",
        "answers a second",
        lambda arm, name: arm.kinds[name].good / arm.seconds,
    ),
    ("应答时间中位数（毫秒）", "p50, ms", lambda arm, name: ms(arm.kinds[name].seconds, 0.5)),
    ("应答时间 99 分位（毫秒）", "p99, ms", lambda arm, name: ms(arm.kinds[name].seconds, 0.99)),
)


def drawn(rounds: Sequence[tuple[Arm, Arm]]) -> str:
    """Return the picture: medians by kind, at the served load and at a multiple of it."""
    names = [name for name in KINDS if any(arm.kinds[name].sent for pair in rounds for arm in pair)]
    width = _LABELS + len(_PANELS) * (_PANEL + _GAP)
    height = _TOP + len(names) * _ROW + 10
    parts = []
    for side, colour in enumerate(_COLOURS):
        x = 10 + side * 90
        parts.append(
            f'<rect x="{x}" y="20" width="12" height="12" fill="{colour}"/>'
            f'<text class="small" x="{x + 18}" y="30">× {rounds[0][side].times}</text>'
        )
    for row, name in enumerate(names):
        y = _TOP + row * _ROW
        parts.append(f'<text x="10" y="{y + 16}">{escape(_CHINESE[name])}</text>')
        parts.append(f'<text class="small" x="10" y="{y + 31}">{escape(name)}</text>')
    for column, (chinese, title, figure) in enumerate(_PANELS):
        x = _LABELS + column * (_PANEL + _GAP)
        parts.append(f'<text class="title" x="{x}" y="52">{escape(chinese)}</text>')
        parts.append(f'<text class="small" x="{x}" y="69">{escape(title)}</text>')
        values = [
            [median(figure(pair[side], name) for pair in rounds) for side in range(len(_COLOURS))]
            for name in names
        ]
        most = max((value for bars in values for value in bars), default=0.0) or 1.0
        for row, bars in enumerate(values):
            for side, value in enumerate(bars):
                top = _TOP + row * _ROW + 4 + side * _BAR
                long = max(value / most * _PANEL, 1.0)
                parts.append(
                    f'<rect x="{x}" y="{top}" width="{long:.1f}" height="{_BAR - 2}"'
                    f' fill="{_COLOURS[side]}"/>'
                    f'<text class="small" x="{x + long + 5:.1f}" y="{top + 10}">{value:,.0f}</text>'
                )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        "<title>A release morning at the served load and at ten times it</title><style>"
        "text{font:13px sans-serif;fill:#222}.title{font-weight:600}"
        ".small{font-size:11px;fill:#555}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
