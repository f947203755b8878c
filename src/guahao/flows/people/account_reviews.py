"""Accounts that book or cancel more than most: found, looked at, restricted or let be (S17).

Nobody is restricted by a number alone: a supervisor or an administrator decides, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Staff
from guahao.store.people import account_reviews as store
from guahao.store.people.account_reviews import AccountReview

LISTED_MAX = 200
RESTRICTED_DAYS_MAX = 180
REASON_LENGTHS = range(2, 201)


class ReviewRefusal(StrEnum):
    """Why nothing was decided."""

    UNKNOWN = "review_unknown"
    REASON_NEEDED = "review_reason_needed"
    DATE_INVALID = "review_date_invalid"
    NOT_OPEN = "review_not_open"
    NOT_RESTRICTED = "review_not_restricted"


@dataclass(frozen=True, slots=True)
class Reviews:
    """The open reviews and the latest decisions."""

    open: list[AccountReview]
    decided: list[AccountReview]


async def find_accounts_to_review(platform: Platform) -> None:
    """Open a review for every account above the policy's numbers in its window."""
    async with platform.db.transaction() as tx:
        policy = (await platform.policies.read(tx)).on(tx.now.date())
        since = tx.now - timedelta(days=policy.review_days)
        await store.find(tx, since, policy.review_bookings, policy.review_cancellations)


async def list_reviews(platform: Platform) -> Reviews:
    """Return what is open, the busiest account first, and what was decided last."""
    async with platform.db.transaction() as tx:
        return Reviews(
            await store.listed(tx, is_open=True, most=LISTED_MAX),
            await store.listed(tx, is_open=False, most=LISTED_MAX),
        )


async def let_be(
    platform: Platform, by: Staff, review_id: int, reason: str
) -> AccountReview | ReviewRefusal:
    """Decide that an account's numbers are fine; it is counted anew from now on."""
    return await _decide(platform, by, review_id, "fine", None, reason)


async def restrict(
    platform: Platform, by: Staff, review_id: int, until: date | None, reason: str
) -> AccountReview | ReviewRefusal:
    """Decide that an account books nothing by itself until a day, exclusive.

    Bookings that it has stay, and the hotline still books for its patients.
    """
    today = platform.db.clock().date()
    if until is None or not 1 <= (until - today).days <= RESTRICTED_DAYS_MAX:
        return ReviewRefusal.DATE_INVALID
    return await _decide(platform, by, review_id, "restricted", until, reason)


async def lift(
    platform: Platform, by: Staff, review_id: int, reason: str
) -> AccountReview | ReviewRefusal:
    """End a restriction before its day."""
    return await _decide(platform, by, review_id, "lifted", None, reason)


async def _decide(
    platform: Platform, by: Staff, review_id: int, decision: str, until: date | None, reason: str
) -> AccountReview | ReviewRefusal:
    reason = reason.strip()
    if len(reason) not in REASON_LENGTHS:
        return ReviewRefusal.REASON_NEEDED
    async with acting(platform, by.who) as act:
        review = await store.lock(act.tx, review_id)
        if review is None:
            return ReviewRefusal.UNKNOWN
        if decision == "lifted":
            if review.decision != "restricted" or review.account_restricted_until is None:
                return ReviewRefusal.NOT_RESTRICTED
        elif review.decision is not None:
            return ReviewRefusal.NOT_OPEN
        await store.decide(act.tx, platform.vault, review, decision, until, by.id, reason)
        detail = {
            "decision": decision,
            "restricted_until": until,
            "bookings": review.bookings,
            "cancellations": review.cancellations,
        }
        subject = ("account", review.account_id)
        await act.record("review_account", subject, reason=reason, detail=detail)
    return review
