"""Reviewing accounts that book or cancel more than most (S17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from guahao.rules.kernel.reasons import full_reason

RESTRICTED_DAYS_MAX = 180


class ReviewRefusal(StrEnum):
    """Why nothing was decided, in order of precedence."""

    DATE_INVALID = "review_date_invalid"
    REASON_NEEDED = "review_reason_needed"
    UNKNOWN = "review_unknown"
    NOT_RESTRICTED = "review_not_restricted"
    NOT_OPEN = "review_not_open"


class ReviewDecision(StrEnum):
    """What is decided of an account."""

    FINE = "fine"
    RESTRICTED = "restricted"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFacts:
    """A review: its decision so far, and until when the account is restricted now."""

    decision: str | None
    account_restricted_until: date | None


def decide_review(
    review: ReviewFacts | None,
    decision: ReviewDecision,
    reason: str,
    until: date | None,
    today: date,
) -> ReviewRefusal | None:
    """Return why a review is not decided so, None where it is.

    `until`: the day, exclusive, until which a restriction lasts.
    """
    if decision is ReviewDecision.RESTRICTED and (
        until is None or not 1 <= (until - today).days <= RESTRICTED_DAYS_MAX
    ):
        return ReviewRefusal.DATE_INVALID
    if full_reason(reason) is None:
        return ReviewRefusal.REASON_NEEDED
    if review is None:
        return ReviewRefusal.UNKNOWN
    if decision is ReviewDecision.LIFTED:
        lasts = review.account_restricted_until is not None
        is_restricted = review.decision == ReviewDecision.RESTRICTED and lasts
        return None if is_restricted else ReviewRefusal.NOT_RESTRICTED
    return None if review.decision is None else ReviewRefusal.NOT_OPEN
