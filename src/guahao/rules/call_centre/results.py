"""What came of a call: a result, why nothing was booked, and a note for the next agent.

A note serves the next call of the same caller, so it is short, deleted after NOTE_KEPT, and holds
no numbers by which a person is identified or a place is picked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from guahao.rules.call_centre.calls import CallFacts
from guahao.rules.kernel.text import prose

NOTE_LENGTH_MAX = 200
NOTE_KEPT = timedelta(days=90)
RESULT_WITHIN = timedelta(days=1)  # of the beginning of the call: in the agent's own shift

# 15 digits or more, as on an identity card; a phone; a code, written with a space or without.
# Hyphens separate the parts of a date, spaces and dots those of a number that is read out.
_NUMBERS = re.compile(
    r"(?<![0-9])(?:[0-9][ .-]?){14,17}[0-9X]"
    r"|(?<![0-9])(?:\+?86)?[ -]?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])"
    r"|(?<![0-9])[0-9]{4} ?[0-9]{4}(?![0-9])"
    # Passports, permits and birth certificates.
    r"|(?<![0-9A-Z])[A-Z]{1,2}[ ]?[0-9]{7,10}(?![0-9])",
    re.IGNORECASE,
)


class CallResult(StrEnum):
    """What came of a call."""

    BOOKED = "booked"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    APPLIED = "applied"
    ANSWERED = "answered"
    NOT_BOOKED = "not_booked"


class NotBookedFor(StrEnum):
    """Why a caller who wanted a place has none."""

    NO_PLACES = "no_places"
    RULES = "rules"  # a suspension or a limit
    NOT_VERIFIED = "not_verified"
    OTHER = "other"


class ResultRefusal(StrEnum):
    """Why a result is not recorded, in order of precedence."""

    UNKNOWN_CALL = "call_result_unknown_call"
    TOO_LATE = "call_result_too_late"
    NEEDS_ACCOUNT = "call_result_needs_account"
    NOTE_TOO_LONG = "call_note_too_long"
    NOTE_WITH_NUMBER = "call_note_with_number"


# What can come of a call of somebody who is not registered, and does not register.
WITHOUT_ACCOUNT = (CallResult.ANSWERED, CallResult.NOT_BOOKED)


@dataclass(frozen=True, slots=True)
class ResultGiven:
    """A result as the agent chose it; `not_booked_for` only where nothing was booked."""

    result: CallResult
    not_booked_for: NotBookedFor | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Hold the result and its reason together, as the table does."""
        assert (self.result is CallResult.NOT_BOOKED) == (self.not_booked_for is not None)


def is_recordable(call: CallFacts, at: datetime) -> bool:
    """Return whether a result can still be recorded or corrected."""
    return at - call.opened_at < RESULT_WITHIN


def decide_result(
    call: CallFacts | None, given: ResultGiven, at: datetime, *, has_account: bool
) -> ResultRefusal | None:
    """Return why a result is not recorded, None where it is; `call` None: not this agent's.

    A result may be corrected, with or without an account; a call needs no booking, and no verified
    caller.
    """
    if call is None:
        return ResultRefusal.UNKNOWN_CALL
    if not is_recordable(call, at):
        return ResultRefusal.TOO_LATE
    if not has_account:
        return decide_without_account(given)
    note = prose(given.note)
    if len(note) > NOTE_LENGTH_MAX:
        return ResultRefusal.NOTE_TOO_LONG
    return ResultRefusal.NOTE_WITH_NUMBER if has_number(note) else None


def decide_without_account(given: ResultGiven) -> ResultRefusal | None:
    """Return why a result of a call without an account is not recorded, None where it is.

    Without a note: nobody would find it at the caller's next call.
    """
    allowed = given.result in WITHOUT_ACCOUNT and not given.note
    return None if allowed else ResultRefusal.NEEDS_ACCOUNT


def has_number(note: str) -> bool:
    """Return whether a text holds what looks like a document number, a phone or a code."""
    return any(not _is_date(found[0]) for found in _NUMBERS.finditer(note))


def _is_date(text: str) -> bool:
    """Return whether eight digits are a day, such as 20261203."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return text.startswith("20")
