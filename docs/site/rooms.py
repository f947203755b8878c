"""Draw the architecture from the code: which part imports which, and how often."""

from __future__ import annotations

import sys
from collections import Counter
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

# The picture's file, the package whose children it shows, and its title.
PICTURES = (
    ("parts.svg", "guahao", "Imports between the parts of guahao"),
    ("rooms-web.svg", "guahao.web", "Imports between the doors and shared folders of web/"),
    ("rooms-flows.svg", "guahao.flows", "Imports between the rooms of flows/"),
    ("rooms-store.svg", "guahao.store", "Imports between the rooms of store/"),
    ("rooms-rules.svg", "guahao.rules", "Imports between the rooms of rules/"),
)
# A single module imports or is imported by nearly everything, and says nothing of the shape.
_PACKAGES_ONLY = "guahao"
_LEFT_OUT = {"migrations"}
_WIDTH, _BOX, _HEIGHT, _ROW = 1080, 132, 44, 104


def drawn(source: Path, package: str, title: str) -> str:
    """Return the picture of a package's children as SVG."""
    graph = _graph(source)
    children = sorted(name.rpartition(".")[2] for name in graph.find_children(package))
    sizes = {child: _modules(graph, f"{package}.{child}") for child in children}
    shown = [
        child
        for child in children
        if child not in _LEFT_OUT and (package != _PACKAGES_ONLY or sizes[child] > 1)
    ]
    counts = _imports(graph, package, shown)
    return _picture(title, _rows(shown, counts), counts, sizes)


@cache
def _graph(source: Path) -> grimp.ImportGraph:
    sys.path.insert(0, str(source))
    return grimp.build_graph("guahao", include_external_packages=False)


def _modules(graph: grimp.ImportGraph, part: str) -> int:
    return sum(1 for name in graph.modules if f"{name}.".startswith(f"{part}."))


def _imports(graph: grimp.ImportGraph, package: str, parts: list[str]) -> Counter[tuple[str, str]]:
    """Count the imports between the parts of a package."""
    depth = package.count(".") + 1
    counts: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            ends = [name.split(".") for name in (module, imported)]
            if all(len(end) > depth and ".".join(end[:depth]) == package for end in ends):
                upper, lower = ends[0][depth], ends[1][depth]
                if upper != lower and upper in parts and lower in parts:
                    counts[upper, lower] += 1
    return counts


def _rows(parts: list[str], counts: Counter[tuple[str, str]]) -> list[list[str]]:
    """Return the parts from top to bottom, each above all that it imports; there are no cycles."""

    @cache
    def height(part: str) -> int:
        return max((height(lower) + 1 for upper, lower in counts if upper == part), default=0)

    rows: list[list[str]] = [[] for _ in range(max(map(height, parts)) + 1)]
    for part in parts:
        rows[height(part)].append(part)
    return rows[::-1]


def _picture(
    title: str, rows: list[list[str]], counts: Counter[tuple[str, str]], sizes: dict[str, int]
) -> str:
    places = {
        part: (_WIDTH / (len(row) + 1) * column, 40 + number * _ROW)
        for number, row in enumerate(rows)
        for column, part in enumerate(row, start=1)
    }
    lines, labels = [], []
    for (upper, lower), count in sorted(counts.items()):
        (x1, y1), (x2, y2) = places[upper], places[lower]
        width = 0.8 + 8 * count / max(counts.values())
        # A long line bends around the boxes between.
        bend = (x1 + x2) / 2 + (70 if abs(y2 - y1) > _ROW else 0) * (1 if x1 <= x2 else -1)
        lines.append(
            f'<path d="M{x1:.0f} {y1 + _HEIGHT / 2:.0f} Q{bend:.0f} {(y1 + y2) / 2:.0f}'
            f' {x2:.0f} {y2 - _HEIGHT / 2:.0f}" stroke-width="{width:.1f}">'
            f"<title>{upper} → {lower}: {count}</title></path>"
        )
    for part, (x, y) in sorted(places.items()):
        modules = "1 module" if sizes[part] == 1 else f"{sizes[part]} modules"
        labels.append(
            f'<rect x="{x - _BOX / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_BOX}"'
            f' height="{_HEIGHT}" rx="8"/><text x="{x:.0f}" y="{y:.0f}">{escape(part)}</text>'
            f'<text class="few" x="{x:.0f}" y="{y + 15:.0f}">{modules}</text>'
        )
    height = len(rows) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>"
        "path{fill:none;stroke:#07804066}rect{fill:#fff;stroke:#078040;stroke-width:1.5}"
        "text{font:600 15px sans-serif;text-anchor:middle;fill:#222}"
        ".few{font:11px sans-serif;fill:#666}</style>"
        f"{''.join(lines)}{''.join(labels)}</svg>"
    )
