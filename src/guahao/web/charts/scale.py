"""Axes and the places of labels: arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from unicodedata import east_asian_width

FROM_ZERO_BELOW = 0.6  # lines whose least is under this share of the most begin at zero
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_WIDE, _NARROW = 1.0, 0.56  # of a letter, in sizes of the font
_ELLIPSIS = "…"


def ticks(low: float, high: float, *, most: int = 6, whole: bool = True) -> list[float]:
    """Return round numbers from at most `low` to at least `high`.

    `whole`: values are counts, so that no step is smaller than 1.
    """
    assert low <= high
    assert most > 1
    if low == high:
        high = low + 1
    rough = (high - low) / (most - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(power * nice for nice in _STEPS if power * nice >= rough * (1 - 1e-9))
    if whole:
        step = max(1.0, float(ceil(step)))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def line_range(values: Sequence[float]) -> tuple[float, float]:
    """Return where the axis of lines begins and ends.

    From zero, unless all values are so large that their differences would vanish.
    """
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low >= 0 and (high == low or low < high * FROM_ZERO_BELOW):
        low = 0.0
    return low, high


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is: Chinese characters are square, others half as wide."""
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    return size * (wide * _WIDE + (len(text) - wide) * _NARROW)


def shortened(text: str, size: float, room: float) -> str:
    """Return the text, cut with an ellipsis where it is wider than the room."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + _ELLIPSIS, size) > room:
        text = text[:-1]
    return text.rstrip(" ·，,") + _ELLIPSIS


def labelled(count: int, room: float, label: float) -> list[int]:
    """Return which of `count` evenly spaced labels fit into the room, the first always."""
    if not count:
        return []
    fit = max(1, floor(room / max(label, 1.0)))
    every = next(
        (step for step in (1, 2, 5, 7, 14, 28, 56, 91, 182) if ceil(count / step) <= fit), count
    )
    return list(range(0, count, every))


def spread(places: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Move places apart so that they are at least `gap` from each other, within top and bottom."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    moved = list(places)
    above = top - gap
    for n in order:
        above = moved[n] = max(places[n], above + gap)
    below = bottom + gap
    for n in reversed(order):
        below = moved[n] = min(moved[n], below - gap)
    return moved
