"""The platform's one clock, on the city's time, and how far it is from the database's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from guahao.rules.kernel.limits import CITY_TIME

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)


def uptime() -> float:
    """Return the seconds since the machine started, those in which it slept included.

    No correction of the machine's clock moves it.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class CityClock:
    """Tells the city's time by the machine's clock; from `start` on where given (demo only).

    `begun` is the machine's time (Unix seconds) at which the clock stood at `start`:
    processes that share it tell the same time.
    """

    start: datetime | None = None
    begun: float = 0.0

    def __call__(self) -> datetime:
        return self.at(time.time())

    def at(self, unix_seconds: float) -> datetime:
        """Return what this clock tells where a machine's clock, or the database's, tells this."""
        if self.start is None:
            return datetime.fromtimestamp(unix_seconds, CITY_TIME)
        return self.start + timedelta(seconds=unix_seconds - self.begun)


def city_clock(start: datetime | None = None, begun: float | None = None) -> CityClock:
    """Return a clock that tells the city's time; from `start` on where given (demo only)."""
    return CityClock(start, time.time() if begun is None else begun)


class ClockWatch:
    """How far a clock is from the database's, known from the last comparison.

    Between two comparisons it is followed by the machine's uptime, so that a clock that is set
    anew is found wrong at once, and not some seconds later.

    `right`: what the clock would tell at a time of the database's, in Unix seconds. A demo's
    clock stands elsewhere on purpose, and that offset is no fault.
    """

    def __init__(
        self,
        clock: Clock,
        right: Callable[[float], datetime],
        tolerance_seconds: float,
        uptime: Callable[[], float] = uptime,
    ) -> None:
        self._clock, self._right, self._uptime = clock, right, uptime
        self._tolerance = tolerance_seconds
        self._anchor: float | None = None  # the right time when the uptime was 0
        self._bound = 0.0  # how far the anchor may be from the truth
        self._was_wrong = False

    def now(self) -> float:
        """Return a time of the moment, for `compare`."""
        return self._uptime()

    def compare(self, database_seconds: float, asked: float, answered: float) -> None:
        """Note the database's time (Unix seconds), asked for and answered at these moments.

        It was told somewhere between them; taken to be the middle, it is off by half at most.
        """
        half = (answered - asked) / 2
        self._anchor = self._right(database_seconds).timestamp() - (asked + half)
        self._bound = half
        wrong = self.is_wrong
        if wrong != self._was_wrong:
            self._was_wrong = wrong
            ahead = round(self.ahead_seconds, 3)
            if wrong:
                log.error(
                    "clock_wrong",
                    ahead_seconds=ahead,
                    tolerance_seconds=self._tolerance,
                    advice="set the clock of this machine or of the database's: both by NTP",
                )
            else:
                log.info("clock_right", ahead_seconds=ahead)

    @property
    def ahead_seconds(self) -> float:
        """By how much the clock is ahead of the database's; 0 before the first comparison."""
        if self._anchor is None:
            return 0.0
        return self._clock().timestamp() - (self._anchor + self._uptime())

    @property
    def is_wrong(self) -> bool:
        """Whether the clock is certainly further from the database's than is tolerated."""
        return abs(self.ahead_seconds) - self._bound > self._tolerance
