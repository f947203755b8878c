"""How long each kind of record is kept: by law and need a least, by the operator's setting a most.

Bookings, no-shows and the audit trail are not among them: they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What stands in the place of erased personal data.
ERASED_NAME = "已删除"  # what lists show instead of the name
ERASED_NUMBER = "ERASED"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that a kind is kept by default, and between which the operator may choose."""

    days: int
    least: int
    most: int = 3650


RETENTIONS: Mapping[str, Retention] = {
    # Longer than requests are kept: each booked request has its message.
    "messages": Retention(400, 100),
    "outbox": Retention(30, 1),
    "calls": Retention(400, 30),
    "call_tasks": Retention(400, 30),
    "hospital_calls": Retention(90, 7),
}


def days_kept(chosen: Mapping[str, int], kind: str) -> int:
    """Return for how many days a kind is kept."""
    return chosen.get(kind, RETENTIONS[kind].days)
