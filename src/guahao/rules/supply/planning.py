"""What a plan may hold: hours that belong to their period, and two that are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from typing import TypeVar

Key = TypeVar("Key")

# When a session of each period may begin. Wide, as hospitals part their days differently.
PERIOD_BEGINS: Mapping[str, tuple[time, time]] = {
    "morning": (time(5, 0), time(12, 59)),
    "afternoon": (time(11, 0), time(18, 59)),
    "evening": (time(16, 0), time(23, 59)),
}


def begins_within(period: str, starts_at: time) -> bool:
    """Whether a session of this period may begin then."""
    first, last = PERIOD_BEGINS[period]
    return first <= starts_at <= last


def overlapping(spans: Iterable[tuple[int, int, Key]]) -> list[tuple[Key, Key]]:
    """Pairs that overlap: (the later one, one that is not over when it begins).

    A span is a beginning, an end that is no longer part of it, and whose it is.
    """
    pairs: list[tuple[Key, Key]] = []
    latest: tuple[int, Key] | None = None
    for start, end, key in sorted(spans, key=lambda span: (span[0], span[1])):
        if latest is not None and start < latest[0]:
            pairs.append((key, latest[1]))
        if latest is None or end > latest[0]:
            latest = (end, key)
    return pairs
