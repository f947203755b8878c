"""Rendered answers, each for a second: rendered once however many ask, in bounded memory.

Pure but for the injected clock, and without a word about HTTP. The age of an answer counts from
the start of its rendering, so that it includes the time of its query.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Generic, Literal, Protocol, TypeVar

FRESH_SECONDS = 1.0  # from this age on, an answer is rendered again
STALE_SECONDS = 1.5  # beyond this age, it is never served
_OVERHEAD_BYTES = 2000  # an entry's key, headers and objects
_PROTECTED = 0.8  # the share of the memory for answers that were asked for again
_LARGEST = 0.25  # the share of the memory that a single answer may take


# How a request was answered: from the store, by the rendering of another request, by its own.
Found = Literal["stored", "shared", "rendered"]
Count = Callable[[Found], None]


def _not_counted(_: Found) -> None: ...


class Storable(Protocol):
    """An answer. `size`: its bytes; None if it must not be stored, such as an error."""

    @property
    def size(self) -> int | None:
        """Return the bytes of its bodies and headers."""


A = TypeVar("A", bound=Storable)
# Takes the answer that was stored before, if any, so that its parts can be used again.
Render = Callable[[A | None], Awaitable[A]]


@dataclass(frozen=True, slots=True)
class _Entry(Generic[A]):
    answer: A
    since: float
    size: int


@dataclass(slots=True)
class _Flight(Generic[A]):
    task: asyncio.Task[A]
    since: float


class AnswerStore(Generic[A]):
    """A store of at most `bytes_max`, of which the least recently used answers leave first.

    An answer is on probation until it is asked for again, and those on probation leave before the
    others: a flood of requests that nobody repeats evicts nothing that is in demand.
    """

    def __init__(
        self, clock: Callable[[], float], bytes_max: int, count: Count = _not_counted
    ) -> None:
        self._clock = clock
        self._count = count
        self._bytes_max = bytes_max
        self._probation: OrderedDict[Hashable, _Entry[A]] = OrderedDict()
        self._protected: OrderedDict[Hashable, _Entry[A]] = OrderedDict()
        self._protected_bytes = 0
        self._flights: dict[Hashable, _Flight[A]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    async def get(self, key: Hashable, render: Render[A], after: float = -inf) -> A:
        """Return the answer of a key, rendering it where the stored one is missing or too old.

        While an answer is rendered again it is served until it is too old, and all who ask later
        wait for the same rendering. `after`: the clock's reading when the reader changed something;
        the rendering must have begun later.
        """
        now = self._clock()
        entry = self._used(key)
        if entry is not None and entry.since > after:
            age = now - entry.since
            if age <= STALE_SECONDS:
                if age >= FRESH_SECONDS:
                    self._flight(key, render, now, after)
                self._count("stored")
                return entry.answer
        known = self._flights.get(key)
        flight = self._flight(key, render, now, after)
        self._count("shared" if flight is known else "rendered")
        # Shielded: a reader who goes away must not cancel it for the others.
        return await asyncio.shield(flight.task)

    def _flight(self, key: Hashable, render: Render[A], now: float, after: float) -> _Flight[A]:
        """Return the rendering under way, or begin one where that is missing or began too early."""
        flight = self._flights.get(key)
        if flight is None or flight.since <= after or now - flight.since > STALE_SECONDS:
            task = asyncio.create_task(self._render(key, render, now))
            flight = self._flights[key] = _Flight(task, now)
            task.add_done_callback(lambda task: self._landed(key, task))
        return flight

    def _landed(self, key: Hashable, task: asyncio.Task[A]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it; those who do get it

    async def _render(self, key: Hashable, render: Render[A], since: float) -> A:
        known = self._protected.get(key) or self._probation.get(key)
        answer = await render(None if known is None else known.answer)
        if answer.size is not None:
            self._put(key, _Entry(answer, since, answer.size + _OVERHEAD_BYTES))
        return answer

    def _used(self, key: Hashable) -> _Entry[A] | None:
        """Return the entry of a key, as the one that was used last."""
        entry = self._protected.get(key)
        if entry is not None:
            self._protected.move_to_end(key)
            return entry
        entry = self._probation.pop(key, None)
        if entry is not None:
            self._protected[key] = entry
            self._protected_bytes += entry.size
            self._relegate()
        return entry

    def _put(self, key: Hashable, entry: _Entry[A]) -> None:
        known = self._protected.get(key) or self._probation.get(key)
        if known is not None and known.since > entry.since:
            return  # a rendering that began later was faster
        if entry.size > self._bytes_max * _LARGEST:
            return
        if key in self._protected:
            self._protected_bytes += entry.size - self._protected[key].size
            self._protected[key] = entry
            self._relegate()
        else:
            self._probation[key] = entry
        self.bytes += entry.size - (0 if known is None else known.size)
        while self.bytes > self._bytes_max:
            if self._probation:
                _, evicted = self._probation.popitem(last=False)
            else:
                _, evicted = self._protected.popitem(last=False)
                self._protected_bytes -= evicted.size
            self.bytes -= evicted.size

    def _relegate(self) -> None:
        """Put those that were not used for longest back on probation, to make room for others."""
        while self._protected_bytes > self._bytes_max * _PROTECTED:
            key, entry = self._protected.popitem(last=False)
            self._protected_bytes -= entry.size
            self._probation[key] = entry
