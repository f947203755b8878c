"""Removing a patient from an account, by its owner (RULES.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class RemoveRefusal(StrEnum):
    """Why a patient stays on the account, in order of precedence."""

    NOT_YOURS = "not_your_patient"
    LIVE_BOOKING = "patient_has_booking"
    SUSPENDED = "patient_suspended_stays"


@dataclass(frozen=True, slots=True)
class RemoveFacts:
    """A person whom an account's owner removes; `is_own`: the account has the person."""

    is_own: bool
    live_bookings: int
    suspended_until: date | None


def decide_removal(facts: RemoveFacts, today: date) -> RemoveRefusal | None:
    """Return why the person stays, None where they are removed.

    A suspension that runs or is to come keeps them, or the account could shed it.
    """
    if not facts.is_own:
        return RemoveRefusal.NOT_YOURS
    if facts.live_bookings:
        return RemoveRefusal.LIVE_BOOKING
    until = facts.suspended_until
    return RemoveRefusal.SUSPENDED if until is not None and until > today else None
