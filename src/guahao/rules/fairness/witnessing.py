"""Which value of an outside source a draw uses, and what happens if it does not come.

A witness holds a hash chain and shows value 1 at `begins` and each next value `minutes` later;
drand (beacon.py) shows a value every few seconds. A draw uses the last value that is shown no later
than its time: it appears after the entries are closed, and with values every five minutes after the
last amendment as well, so that nobody who decides anything about the draw knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

WAIT = timedelta(minutes=30)  # for a value; then the draw uses the next
CHAIN_MAX = 1_000_000  # values of a witness, and so hashes that a verifier computes for one
ATTEMPTS = 4  # values that a draw waits for; then it is held without the witness, and says so


class Timed(Protocol):
    """A source that shows numbered values, each from its own moment on."""

    @property
    def last(self) -> int | None:
        """Return the number of the last value; None where they have no end."""

    def newest_at(self, moment: datetime) -> int:
        """Return the number of the newest value that may be known; 0 before value 1."""

    def shown_at(self, index: int) -> datetime:
        """Return when a value is shown first."""


@dataclass(frozen=True, slots=True)
class Witness:
    """An outside keeper of a hash chain.

    `first`: value 0, by which the chain is known. `values`: how many follow; None: the keeper has
    not said, so that a draw after the last one waits for it in vain.
    """

    name: str
    first: bytes
    url: str
    begins: datetime
    minutes: int
    values: int | None = None

    @property
    def last(self) -> int:
        """Return the number of the last value."""
        return CHAIN_MAX if self.values is None else self.values

    def newest_at(self, moment: datetime) -> int:
        """Return the number of the newest value that may be known; 0 before value 1."""
        if moment < self.begins:
            return 0
        return min(self.last, 1 + (moment - self.begins) // timedelta(minutes=self.minutes))

    def shown_at(self, index: int) -> datetime:
        """Return when a value is shown first."""
        return self.begins + (index - 1) * timedelta(minutes=self.minutes)


def value_for(source: Timed, closes_at: datetime, draw_at: datetime) -> int | None:
    """Return the number of the value that a draw uses, or None if none falls after its closing."""
    index = source.newest_at(draw_at)
    return index if index and source.shown_at(index) > closes_at else None


def value_at(
    source: Timed, index: int, closed_at: datetime, draw_at: datetime, now: datetime
) -> int | None:
    """Return the number of the value to ask for at `now`: a later one for each wait that passed.

    None: the source has been waited for long enough, or has no value after the closing. `index`:
    the value that was announced. A draw that was closed late uses the first value after that: the
    one announced could have been known.
    """
    waits = max(now - max(draw_at, closed_at), timedelta()) // WAIT
    if waits >= ATTEMPTS:
        return None
    asked = max(index, source.newest_at(draw_at + waits * WAIT))
    if source.shown_at(asked) > closed_at:
        return asked
    following = source.newest_at(closed_at) + 1
    return following if source.last is None or following <= source.last else None


def days_left(witnesses: Iterable[Witness], now: datetime) -> dict[str, int | None]:
    """Return for how many days each witness, by name, still has values.

    A keeper who has made the next chain has two for a while: the longer one counts. None: how many
    values a chain has is not known.
    """
    left: dict[str, int | None] = {}
    for witness in witnesses:
        days = None
        if witness.values is not None:
            lasts = witness.values * timedelta(minutes=witness.minutes)
            days = max(0, (witness.begins - now + lasts) // timedelta(days=1))
        known = left.get(witness.name, 0)
        left[witness.name] = None if days is None or known is None else max(known, days)
    return left
