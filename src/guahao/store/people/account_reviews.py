"""Accounts that book or cancel more than most, and what was decided about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.people.account_reviews import ReviewFacts
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.accounts import open_phone

_FIND = """
    WITH acts AS (
        SELECT p.account_id, a.booked_at, a.status, a.changed_at,
               greatest(%(since)s, (SELECT max(r.decided_at) FROM account_reviews r
                                    WHERE r.account_id = p.account_id)) AS since
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE p.account_id IS NOT NULL AND a.channel IN ('api', 'web', 'wechat', 'fhir')
          AND (a.booked_at >= %(since)s
               OR (a.status = 'cancelled' AND a.changed_at >= %(since)s))
    ), counted AS (
        SELECT account_id, min(since) AS since,
               count(*) FILTER (WHERE booked_at > since) AS bookings,
               count(*) FILTER (WHERE status = 'cancelled' AND changed_at > since)
                   AS cancellations
        FROM acts GROUP BY account_id
    )
    INSERT INTO account_reviews AS r
        (account_id, found_at, counted_since, bookings, cancellations)
    SELECT account_id, %(now)s, since, bookings, cancellations FROM counted
    WHERE bookings > %(bookings)s OR cancellations > %(cancellations)s
    ORDER BY account_id
    ON CONFLICT (account_id) WHERE decision IS NULL DO UPDATE
        SET bookings = excluded.bookings, cancellations = excluded.cancellations
        WHERE (r.bookings, r.cancellations) <> (excluded.bookings, excluded.cancellations)
"""
_LISTED = """
    SELECT r.id, r.account_id, a.phone_enc, r.found_at, r.counted_since, r.bookings,
           r.cancellations, r.decision, r.restricted_until, s.login AS decided_by, r.decided_at,
           r.reason_enc, a.restricted_until AS account_restricted_until,
           (SELECT count(*) FROM patients p WHERE p.account_id = a.id) AS patients
    FROM account_reviews r
    JOIN accounts a ON a.id = r.account_id
    LEFT JOIN staff s ON s.id = r.decided_by
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReview(ReviewFacts):
    """A review as it is stored; phone and reason are encrypted."""

    id: int
    account_id: int
    phone_enc: bytes | None
    found_at: datetime
    counted_since: datetime
    bookings: int
    cancellations: int
    restricted_until: date | None
    decided_by: str | None
    decided_at: datetime | None
    reason_enc: bytes | None
    patients: int

    def phone(self, vault: Vault) -> str:
        """Return the account's phone in the clear; empty where it has none any more."""
        return open_phone(vault, self.account_id, self.phone_enc)

    def reason(self, vault: Vault) -> str:
        """Return why it was decided so; empty while it is open."""
        if self.reason_enc is None:
            return ""
        return vault.open("account_reviews", "reason", self.id, self.reason_enc)


async def find(tx: Tx, since: datetime, bookings: int, cancellations: int) -> None:
    """Open a review for every account with more acts than these since then.

    What was counted before the account's last decision does not count again.
    """
    params = {"since": since, "now": tx.now, "bookings": bookings, "cancellations": cancellations}
    await tx.do(_FIND, params)


async def listed(tx: Tx, *, is_open: bool, most: int) -> list[AccountReview]:
    """Return the open reviews, the busiest account first, or the decided ones, newest first."""
    where = (
        "r.decision IS NULL ORDER BY r.bookings + r.cancellations DESC, r.id"
        if is_open
        else "r.decision IS NOT NULL ORDER BY r.decided_at DESC, r.id DESC"
    )
    return await tx.records(
        AccountReview, f"{_LISTED} WHERE {where} LIMIT %(most)s", {"most": most}
    )


async def lock(tx: Tx, review_id: int) -> AccountReview | None:
    """Lock a review and its account; None where there is no such review."""
    params = {"id": review_id}
    row = await tx.row("SELECT account_id FROM account_reviews WHERE id = %(id)s", params)
    if row is None:
        return None
    [account_id] = row
    await tx.do("SELECT FROM accounts WHERE id = %(id)s FOR NO KEY UPDATE", {"id": account_id})
    await tx.do("SELECT FROM account_reviews WHERE id = %(id)s FOR UPDATE", params)
    return await tx.record(AccountReview, f"{_LISTED} WHERE r.id = %(id)s", {"id": review_id})


async def decide(
    tx: Tx,
    vault: Vault,
    review: AccountReview,
    decision: str,
    restricted_until: date | None,
    staff_id: int,
    reason: str,
) -> None:
    """Store the decision on a locked review, and what follows for its account."""
    await tx.do(
        """
        UPDATE account_reviews
        SET decision = %(decision)s, restricted_until = %(until)s, decided_by = %(staff_id)s,
            decided_at = %(now)s, reason_enc = %(reason)s
        WHERE id = %(id)s
        """,
        {
            "id": review.id,
            "decision": decision,
            "until": restricted_until,
            "staff_id": staff_id,
            "now": tx.now,
            "reason": vault.seal("account_reviews", "reason", review.id, reason),
        },
    )
    # The phone may have gone on to an account of its "new holder" meanwhile.
    await tx.do(
        """
        UPDATE accounts SET restricted_until = %(until)s
        WHERE id = %(id)s OR follows_account_id = %(id)s
        """,
        {"until": restricted_until, "id": review.account_id},
    )
