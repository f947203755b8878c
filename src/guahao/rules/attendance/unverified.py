"""A hospital confirms afterwards who came to a session whose attendance is not known (S16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from guahao.rules.attendance.attendance import REPORTED_DAYS

# As long as a hospital's system may report: what is not confirmed by then is never a no-show.
CONFIRM_DAYS = REPORTED_DAYS


class ConfirmRefusal(StrEnum):
    """Why nothing is confirmed, in order of precedence."""

    REASON_NEEDED = "confirm_reason_needed"
    UNKNOWN = "confirm_unknown"
    TOO_OLD = "confirm_too_old"
    NOTHING_WAITS = "confirm_nothing_waits"
    NOBODY_CAME = "confirm_nobody_came"


@dataclass(frozen=True, slots=True)
class ConfirmFacts:
    """What a clerk confirms. `visit_date`: None where the session is not their hospital's.

    `waiting`: bookings of the session that are unverified; `came`: whether any was ticked;
    `nobody_came`: whether the clerk says so expressly.
    """

    reason: str
    visit_date: date | None
    waiting: int
    came: bool
    nobody_came: bool


def confirmable_since(today: date) -> date:
    """Return the first visit date that can still be confirmed."""
    return today - timedelta(days=CONFIRM_DAYS)


def decide_confirmation(facts: ConfirmFacts, today: date) -> ConfirmRefusal | None:
    """Return why nothing is confirmed, None where those who came and the no-shows are recorded.

    That nobody came at all must be said: a form sent too soon must not suspend everybody.
    """
    if not facts.reason:
        return ConfirmRefusal.REASON_NEEDED
    if facts.visit_date is None:
        return ConfirmRefusal.UNKNOWN
    if facts.visit_date < confirmable_since(today):
        return ConfirmRefusal.TOO_OLD
    if not facts.waiting:
        return ConfirmRefusal.NOTHING_WAITS
    return ConfirmRefusal.NOBODY_CAME if not facts.came and not facts.nobody_came else None
