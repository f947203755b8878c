"""A city's colour, and what the pages make of it: readable in the light theme and the dark one.

Contrast is that of WCAG 2.2: 4.5 for text (1.4.3). The grounds are those of tokens.css; a test
compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

CONTRAST = 4.5
LIGHT_GROUNDS = {"surface": "#ffffff", "bg": "#f8f5ef", "surface-2": "#f2ede4"}
DARK_GROUNDS = {"surface": "#201d18", "bg": "#15130f", "surface-2": "#2b2721"}
_WHITE, _BLACK = "#ffffff", "#000000"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_LINEAR_MOST = 0.04045  # of sRGB: darker channels are not curved
_DARK_CONTRAST = 6.5  # brighter than needed: thin strokes on black look thinner


@dataclass(frozen=True, slots=True)
class Tints:
    """The four colours of a theme that are a city's own."""

    brand: str
    brand_strong: str
    brand_tint: str
    on_brand: str


def read_colour(text: str) -> str | None:
    """Return a colour such as #0b6b61 in lower case; None for anything else."""
    colour = text.strip().lower()
    return colour if _COLOUR.fullmatch(colour) else None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with this share of another."""
    parts = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def light_tints(colour: str) -> Tints:
    """Return the tints of the light theme, where the colour stands as it was given."""
    return Tints(colour, mixed(colour, _BLACK, 0.3), mixed(colour, _WHITE, 0.88), _WHITE)


def dark_tints(colour: str) -> Tints:
    """Return the tints of the dark theme: the colour, lightened until it can be read."""
    ground = DARK_GROUNDS["surface-2"]
    tint = mixed(DARK_GROUNDS["surface"], colour, 0.22)
    brand = next(
        lighter
        for lighter in (mixed(colour, _WHITE, step / 100) for step in range(101))
        if min(contrast(lighter, ground), contrast(lighter, tint)) >= _DARK_CONTRAST
    )
    return Tints(brand, mixed(brand, _WHITE, 0.4), tint, mixed(colour, _BLACK, 0.85))


def is_readable(colour: str) -> bool:
    """Return whether the light theme's text and buttons can be read in this colour."""
    tints = light_tints(colour)
    grounds = (*LIGHT_GROUNDS.values(), tints.brand_tint)
    return min(contrast(colour, ground) for ground in grounds) >= CONTRAST


def readable(colour: str) -> str:
    """Return the lightest darker shade of a colour that is readable, or the colour itself."""
    shades = (mixed(colour, _BLACK, step / 100) for step in range(101))
    return next(shade for shade in shades if is_readable(shade))


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[start:end], 16) for start, end in pairwise((1, 3, 5, 7)))


def _luminance(colour: str) -> float:
    red, green, blue = (
        share / 12.92 if share <= _LINEAR_MOST else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
