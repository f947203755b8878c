"""Draw the architecture from the code: which part imports which, and how often."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

# From top to bottom; a part that stands nowhere here is drawn at the top.
FLOORS = (
    ("cli",),
    ("web_process", "worker_process"),
    ("wiring",),
    ("web", "worker", "tools", "deploy", "backup"),
    ("jobs",),
    ("notices", "pushing", "identity_check"),
    ("flows",),
    ("store",),
    ("wechat", "sheets"),
    ("rules",),
)
_LEFT_OUT = {"__main__", "__init__", "migrations"}
_WIDTH, _BOX, _HEIGHT, _ROW = 1080, 140, 44, 96
_FEWEST = 2  # imports, for a line


def drawn(source: Path) -> str:
    """Return the picture as SVG."""
    sys.path.insert(0, str(source))
    graph = grimp.build_graph("guahao", include_external_packages=False)
    counts: Counter[tuple[str, str]] = Counter()
    parts = {name.split(".")[1] for name in graph.modules if "." in name} - _LEFT_OUT
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            ends = tuple(name.split(".")[1] if "." in name else "" for name in (module, imported))
            if ends[0] != ends[1] and set(ends) <= parts:
                counts[ends[0], ends[1]] += 1
    floors = [[part for part in floor if part in parts] for floor in FLOORS]
    places = {}
    for row, floor in enumerate(floors):
        gap = _WIDTH / (len(floor) + 1)
        for column, part in enumerate(floor, start=1):
            places[part] = (gap * column, 40 + row * _ROW)
    lines, labels = [], []
    for (upper, lower), count in sorted(counts.items()):
        if upper not in places or lower not in places or count < _FEWEST:
            continue
        (x1, y1), (x2, y2) = places[upper], places[lower]
        width = min(9.0, 0.6 + count / 40)
        bend = (x1 + x2) / 2 + (60 if abs(y2 - y1) > _ROW else 0)
        lines.append(
            f'<path d="M{x1:.0f} {y1 + _HEIGHT / 2:.0f} Q{bend:.0f} {(y1 + y2) / 2:.0f}'
            f' {x2:.0f} {y2 - _HEIGHT / 2:.0f}" stroke-width="{width:.1f}">'
            f"<title>{upper} → {lower}: {count}</title></path>"
        )
    for part, (x, y) in sorted(places.items()):
        modules = sum(1 for name in graph.modules if f"{name}.".startswith(f"guahao.{part}."))
        labels.append(
            f'<rect x="{x - _BOX / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_BOX}"'
            f' height="{_HEIGHT}" rx="8"/><text x="{x:.0f}" y="{y:.0f}">{escape(part)}</text>'
            f'<text class="few" x="{x:.0f}" y="{y + 15:.0f}">{modules} modules</text>'
        )
    height = 40 + len(floors) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        "<title>Imports between the parts of guahao</title><style>"
        "path{fill:none;stroke:#07804099}rect{fill:#fff;stroke:#078040;stroke-width:1.5}"
        "text{font:600 15px sans-serif;text-anchor:middle;fill:#222}"
        ".few{font:11px sans-serif;fill:#666}</style>"
        f"{''.join(lines)}{''.join(labels)}</svg>"
    )
