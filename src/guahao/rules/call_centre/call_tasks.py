"""Calling patients whom no message reached: what follows from each call."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

TRIES_MAX = 4
AGAIN_AFTER = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=2))


class CallOutcome(StrEnum):
    """What came of a call, and the word under which its task closes."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    WRONG_NUMBER = "wrong_number"
    NO_NEED = "no_need"


def decide_after_call(outcome: CallOutcome, tries: int) -> str | timedelta:
    """Return the word under which the task closes, or after how long to call again.

    `tries`: the calls before this one. Nobody is called more than TRIES_MAX times.
    """
    if outcome is not CallOutcome.NOT_REACHED:
        return outcome.value
    return "given_up" if tries + 1 >= TRIES_MAX else AGAIN_AFTER[tries]
