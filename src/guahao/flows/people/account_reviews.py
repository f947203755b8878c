"""Accounts that book or cancel more than most: found, looked at, restricted or let be (S17).

Nobody is restricted by a number alone: a supervisor or an administrator decides, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose
from guahao.rules.people.account_reviews import ReviewDecision, ReviewRefusal, decide_review
from guahao.rules.staff.staff import Staff
from guahao.store.people import account_reviews as store
from guahao.store.people.account_reviews import AccountReview

LISTED_MAX = 200


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
) -> AccountReview | Refused[ReviewRefusal]:
    """Decide that an account's numbers are fine; it is counted anew from now on."""
    return await _decide(platform, by, review_id, ReviewDecision.FINE, None, reason)


async def restrict(
    platform: Platform, by: Staff, review_id: int, until: date | None, reason: str
) -> AccountReview | Refused[ReviewRefusal]:
    """Decide that an account books nothing by itself until a day, exclusive.

    Bookings that it has stay, and the hotline still books for its patients.
    """
    return await _decide(platform, by, review_id, ReviewDecision.RESTRICTED, until, reason)


async def lift(
    platform: Platform, by: Staff, review_id: int, reason: str
) -> AccountReview | Refused[ReviewRefusal]:
    """End a restriction before its day."""
    return await _decide(platform, by, review_id, ReviewDecision.LIFTED, None, reason)


async def _decide(
    platform: Platform,
    by: Staff,
    review_id: int,
    decision: ReviewDecision,
    until: date | None,
    reason: str,
) -> AccountReview | Refused[ReviewRefusal]:
    reason = prose(reason)
    async with acting(platform, by.who) as act:
        review = await store.lock(act.tx, review_id)
        refusal = decide_review(review, decision, reason, until, act.now.date())
        if refusal is not None:
            return Refused(refusal)
        assert review is not None
        await store.decide(act.tx, platform.vault, review, decision.value, until, by.id, reason)
        detail = {
            "decision": decision.value,
            "restricted_until": until,
            "bookings": review.bookings,
            "cancellations": review.cancellations,
        }
        subject = ("account", review.account_id)
        await act.record("review_account", subject, reason=reason, detail=detail)
    return review
