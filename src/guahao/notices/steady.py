"""A clock that jumps is noticed, by how long the process has run in the meantime."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

JUMP = timedelta(minutes=5)
# A clock that stays at its new time for so long was set right.
BELIEVED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Anchor:
    at: datetime
    seconds: float

    def expected(self, seconds: float) -> datetime:
        return self.at + timedelta(seconds=seconds - self.seconds)


class SteadyClock:
    """Compares the platform's clock with the machine's uptime, which no correction moves.

    Neither the database's clock nor the wall clock can be trusted alone: both may be of the
    same machine, and jump together.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._anchor: _Anchor | None = None
        self._jumped: _Anchor | None = None

    def moments(self, now: datetime) -> tuple[datetime, ...]:
        """Return what time it may be: `now`, and after a jump also what was to be expected."""
        seconds = self._monotonic()
        anchor = self._anchor
        if anchor is None or abs(now - anchor.expected(seconds)) <= JUMP:
            # Follows a clock that only drifts.
            self._anchor, self._jumped = _Anchor(now, seconds), None
            return (now,)
        jumped = self._jumped
        if jumped is None or abs(now - jumped.expected(seconds)) > JUMP:
            self._jumped = _Anchor(now, seconds)
        elif timedelta(seconds=seconds - jumped.seconds) >= BELIEVED_AFTER:
            self._anchor, self._jumped = _Anchor(now, seconds), None
            return (now,)
        return (now, anchor.expected(seconds))
