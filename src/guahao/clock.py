"""The platform's one clock, on the city's time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from guahao.rules.limits import CITY_TIME

Clock = Callable[[], datetime]


def city_clock(start: datetime | None = None, begun: float | None = None) -> Clock:
    """A clock that tells the city's time; from `start` on where given (demo only).

    `begun` is the machine's time (Unix seconds) at which the clock stood at `start`:
    processes that share it tell the same time.
    """
    if start is None:
        return lambda: datetime.now(CITY_TIME)
    origin = time.time() if begun is None else begun
    return lambda: start + timedelta(seconds=time.time() - origin)
