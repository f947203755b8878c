"""Which value of an outside witness a draw uses, and what happens if it does not come.

A witness holds a hash chain and shows value 1 at `begins` and each next value `minutes` later. A
draw uses the last value that is shown no later than its time: it appears after the entries are
closed, and with values every five minutes after the last amendment as well, so that nobody who
decides anything about the draw knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WAIT = timedelta(minutes=30)  # for a value; then the draw uses the next
ATTEMPTS = 4  # values that a draw waits for; then it is held without the witness, and says so


@dataclass(frozen=True, slots=True)
class Witness:
    """An outside keeper of a hash chain. `first`: value 0, by which the chain is known."""

    name: str
    first: bytes
    url: str
    begins: datetime
    minutes: int

    def newest_at(self, moment: datetime) -> int:
        """Return the number of the newest value that may be known; 0 before value 1."""
        if moment < self.begins:
            return 0
        return 1 + (moment - self.begins) // timedelta(minutes=self.minutes)

    def shown_at(self, index: int) -> datetime:
        """Return when a value is shown first."""
        return self.begins + (index - 1) * timedelta(minutes=self.minutes)


def value_for(witness: Witness, closes_at: datetime, draw_at: datetime) -> int | None:
    """Return the number of the value that a draw uses, or None if none falls after its closing."""
    index = witness.newest_at(draw_at)
    return index if index and witness.shown_at(index) > closes_at else None


def value_at(witness: Witness, index: int, draw_at: datetime, now: datetime) -> int | None:
    """Return the number of the value to ask for at `now`: a later one for each wait that passed.

    None: the witness has been waited for long enough. `index`: the value that was announced.
    """
    waits = max(now - draw_at, timedelta()) // WAIT
    if waits >= ATTEMPTS:
        return None
    return max(index, witness.newest_at(draw_at + waits * WAIT))
