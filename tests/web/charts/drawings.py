"""Read a chart from its drawing, as its viewer does: from geometry, or from the tooltips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Drawing:
    """An SVG. `tips`: the texts of its tooltips, by line."""

    root: ElementTree.Element

    @property
    def title(self) -> str:
        return self.root.findtext("title") or ""

    @property
    def texts(self) -> list[str]:
        return [text.text or "" for text in self.root.iter("text")]

    @property
    def tips(self) -> list[list[str]]:
        marks = [*self.root.iter("rect"), *self.root.iter("g")]
        return [tip.split("\n") for mark in marks if (tip := mark.findtext("title"))]

    def of(self, kind: str) -> list[ElementTree.Element]:
        """Every element of a class."""
        return [e for e in self.root.iter() if kind in e.get("class", "").split()]

    @property
    def numbers(self) -> dict[tuple[str, str], str]:
        """What the tooltips say: the number of each category and series."""
        found: dict[tuple[str, str], str] = {}
        for category, *said in self.tips:
            for line in said:
                name, _, number = line.rpartition(" ")
                found[category, name] = number
        return found

    @property
    def categories(self) -> list[str]:
        return list(dict.fromkeys(tip[0] for tip in self.tips))


def drawings(html: str, paper: str = "wide") -> list[Drawing]:
    """Every chart of a page as it is drawn on this paper."""
    found = re.findall(rf'<svg class="chart__{paper}".*?</svg>', html, re.DOTALL)
    return [Drawing(ElementTree.fromstring(svg)) for svg in found]  # noqa: S314 - our own
