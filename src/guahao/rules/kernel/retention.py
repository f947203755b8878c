"""How long each kind of record is kept: bounds by law and need, the choice by settings.

Bookings, no-shows and the audit trail are kept for good and not listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Replaces erased personal data.
ERASED_NAME = "已删除"  # shown instead of the name
ERASED_NUMBER = "ERASED"


@dataclass(frozen=True, slots=True)
class Retention:
    """The days that a kind is kept by default, and the bounds of the operator's choice."""

    days: int
    least: int
    most: int = 3650


RETENTIONS: Mapping[str, Retention] = {
    # Longer than requests, because each booked request refers to its message.
    "messages": Retention(400, 100),
    "outbox": Retention(30, 1),
    "calls": Retention(400, 30),
    "call_tasks": Retention(400, 30),
    "hospital_calls": Retention(90, 7),
}


def days_kept(chosen: Mapping[str, int], kind: str) -> int:
    """Return for how many days a kind is kept."""
    return chosen.get(kind, RETENTIONS[kind].days)
