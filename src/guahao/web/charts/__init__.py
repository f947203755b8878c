"""Charts as SVG, drawn by the server (docs/decisions/0056).

`chart` says what is drawn, `scale` computes axes and places of labels, `draw` writes the SVG. A
chart is drawn twice, for a desk and for a phone, and the stylesheet shows the one that fits:
text in an SVG that is scaled down cannot be read. Colours are classes with tokens, so that both
themes hold; lines differ in their markers and dashes, bars in their patterns, too.
"""

from __future__ import annotations

from guahao.web.charts.chart import Chart, Heat, Series, of_most_five
from guahao.web.charts.draw import draw

__all__ = ["Chart", "Heat", "Series", "draw", "of_most_five"]
