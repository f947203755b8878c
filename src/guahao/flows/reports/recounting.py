"""Share a count between the readers of a process: counted once, and again only when it is old."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Place(Generic[T]):
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    known: list[T] = field(default_factory=list)  # at most one
    due: float = 0.0


class Recount(Generic[T]):
    """Counts by key. `seconds`: for how long a count is good.

    Those who ask while it is being counted wait for the same count: however many look at a page,
    the database counts as often as if it were one.
    """

    def __init__(self, seconds: Callable[[T], float]) -> None:
        self._seconds = seconds
        self._places: defaultdict[Hashable, _Place[T]] = defaultdict(_Place)

    async def get(
        self, clock: Callable[[], float], count: Callable[[], Awaitable[T]], key: Hashable = None
    ) -> T:
        """Return what is known of a key, counted anew where it is too old."""
        place = self._places[key]
        async with place.turn:
            if not place.known or clock() >= place.due:
                place.known = [await count()]
                place.due = clock() + self._seconds(place.known[0])
            return place.known[0]
