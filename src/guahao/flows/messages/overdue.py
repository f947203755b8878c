"""Find messages whose delivery or receipt did not happen in time."""

from __future__ import annotations

from datetime import timedelta

from guahao.flows.kernel.platform import Platform
from guahao.store.messages import messages

BATCH = 512
_RECEIPT_WITHIN = timedelta(hours=1)  # receipts come within minutes, if they come at all


async def give_up(platform: Platform) -> int:
    """Close messages whose outcome can no longer be learned; return how many."""
    async with platform.db.transaction() as tx:
        return await messages.give_up(tx)


async def find_undelivered(platform: Platform, *, soon_expired: bool) -> list[int]:
    """Return a batch of messages whose job was lost or failed, the oldest first.

    `soon_expired`: only messages that a person waits for (one-time passwords), or only the others.
    """
    async with platform.db.transaction() as tx:
        return await messages.overdue(tx, BATCH, soon_expired=soon_expired)


async def claim_without_receipt(platform: Platform) -> list[int]:
    """Claim a batch of SMS that the provider accepted without sending a receipt."""
    async with platform.db.transaction() as tx:
        return await messages.claim_without_receipt(tx, _RECEIPT_WITHIN, BATCH)
