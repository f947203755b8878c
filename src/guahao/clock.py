"""The platform's clock, on the city's time, and its difference from the database's clock."""

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
    """Return the seconds since the machine started, including those in which it slept.

    Corrections of the machine's clock do not affect it.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class CityClock:
    """A clock of the city's time by the machine's clock, from `start` if given (demo only).

    `begun` is the machine's time (Unix seconds) at which the clock was at `start`, so that
    processes that share it have the same time.
    """

    start: datetime | None = None
    begun: float = 0.0

    def __call__(self) -> datetime:
        return self.at(time.time())

    def seconds(self) -> float:
        """Return the Unix seconds of this clock's time, without making a datetime first."""
        now = time.time()
        return now if self.start is None else self.at(now).timestamp()

    def at(self, unix_seconds: float) -> datetime:
        """Return this clock's time at a time of the machine's or the database's clock."""
        if self.start is None:
            return datetime.fromtimestamp(unix_seconds, CITY_TIME)
        return self.start + timedelta(seconds=unix_seconds - self.begun)


def city_clock(start: datetime | None = None, begun: float | None = None) -> CityClock:
    """Return a clock of the city's time, from `start` if given (demo only)."""
    return CityClock(start, time.time() if begun is None else begun)


class ClockWatch:
    """The difference between a clock and the database's, by the last comparison.

    Between comparisons the machine's uptime is the reference, so that a clock that is set is
    found wrong at once.

    `right`: the correct time of the clock at a time of the database, in Unix seconds. A demo's
    clock has an intended offset, which is no fault.
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
        self._bound = 0.0  # the largest error of the anchor
        self._was_wrong = False

    def now(self) -> float:
        """Return the current time, for `compare`."""
        return self._uptime()

    def compare(self, database_seconds: float, asked: float, answered: float) -> None:
        """Record the database's time (Unix seconds), queried between these two moments.

        It was read somewhere between them; assuming the middle, the error is half at most.
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
        """Return how far the clock is ahead of the database's; 0 before the first comparison."""
        if self._anchor is None:
            return 0.0
        return self._clock().timestamp() - (self._anchor + self._uptime())

    @property
    def is_wrong(self) -> bool:
        """Return whether the clock certainly differs by more than is tolerated."""
        return abs(self.ahead_seconds) - self._bound > self._tolerance
