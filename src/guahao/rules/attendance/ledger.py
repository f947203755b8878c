"""Excusing a no-show (申诉), and withdrawing the excuse (S16)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExcuseRefusal(StrEnum):
    """Why a no-show is not excused, or its excuse not withdrawn, in order of precedence."""

    REASON_NEEDED = "excuse_reason_needed"
    UNKNOWN = "excuse_unknown"
    NOT_A_NO_SHOW = "excuse_not_a_no_show"
    ALREADY_EXCUSED = "excuse_already"
    NOT_EXCUSED = "excuse_not_there"


@dataclass(frozen=True, slots=True)
class ExcuseFacts:
    """A booking whose no-show is to be excused or counted again.

    `reason`: what was given, without surrounding space. `status`: the booking's, None where
    there is no such booking. `excused`: whether an excuse holds now.
    """

    reason: str
    status: str | None
    excused: bool


def decide_excuse(facts: ExcuseFacts) -> ExcuseRefusal | None:
    """Return why the no-show is not excused, None where it is."""
    if not facts.reason:
        return ExcuseRefusal.REASON_NEEDED
    if facts.status is None:
        return ExcuseRefusal.UNKNOWN
    if facts.status != "no_show":
        return ExcuseRefusal.NOT_A_NO_SHOW
    return ExcuseRefusal.ALREADY_EXCUSED if facts.excused else None


def decide_withdrawal(facts: ExcuseFacts) -> ExcuseRefusal | None:
    """Return why the excuse is not withdrawn, None where it is.

    In any status of the booking: an excuse of a no-show that was corrected since can go, too.
    """
    if not facts.reason:
        return ExcuseRefusal.REASON_NEEDED
    if facts.status is None:
        return ExcuseRefusal.UNKNOWN
    return None if facts.excused else ExcuseRefusal.NOT_EXCUSED
