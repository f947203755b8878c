"""A circuit breaker: stop asking a service that has failed several times in a row."""

from __future__ import annotations

import time
from collections.abc import Callable

FAULTS_TO_OPEN = 5
OPEN_SECONDS = 30.0


class Circuit:
    """Closed: every request passes. Open: none does, but a single probe after a pause.

    Each process has its own: a machine that cannot reach the service says nothing about
    the others. Not for threads: used on the event loop alone.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._faults = 0
        self._next_probe = 0.0  # of an open circuit: when the next probe may pass

    def permits(self) -> bool:
        """Whether a request may pass now; the first after the pause is the probe."""
        if self._faults < FAULTS_TO_OPEN:
            return True
        now = self._monotonic()
        if now < self._next_probe:
            return False
        # Others wait for what the probe finds, or for another pause where it never ends.
        self._next_probe = now + OPEN_SECONDS
        return True

    def answered(self) -> None:
        """Close: the service works."""
        self._faults = 0

    def failed(self) -> bool:
        """Count a fault; True where this one opened the circuit."""
        self._faults += 1
        if self._faults < FAULTS_TO_OPEN:
            return False
        self._next_probe = self._monotonic() + OPEN_SECONDS
        return self._faults == FAULTS_TO_OPEN
