"""A circuit breaker: stop asking a service that has failed several times in a row."""

from __future__ import annotations

import time
from collections.abc import Callable

FAULTS_TO_OPEN = 5
OPEN_SECONDS = 30.0


class Circuit:
    """A breaker: closed, every request passes; open, only a probe after each pause.

    Each process has its own, because other machines may still reach the service. Not
    thread-safe: use it only on the event loop.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._faults = 0
        self._next_probe = 0.0  # when an open circuit lets the next probe pass

    def permits(self) -> bool:
        """Return whether a request may pass now; the first after the pause is the probe."""
        if self._faults < FAULTS_TO_OPEN:
            return True
        now = self._monotonic()
        if now < self._next_probe:
            return False
        # Others wait for the result of the probe, or for another pause if it hangs.
        self._next_probe = now + OPEN_SECONDS
        return True

    def answered(self) -> None:
        """Close: the service works."""
        self._faults = 0

    def failed(self) -> bool:
        """Count a fault; return whether it opened the circuit."""
        self._faults += 1
        if self._faults < FAULTS_TO_OPEN:
            return False
        self._next_probe = self._monotonic() + OPEN_SECONDS
        return self._faults == FAULTS_TO_OPEN
