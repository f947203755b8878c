"""Delivery receipts of messages that a provider accepted."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.kernel.platform import Platform
from guahao.store.messages import messages


async def record(platform: Platform, delivered: Sequence[int], failed: Sequence[int]) -> None:
    """Record a batch of receipts by the messages' ids; safe twice and in any order."""
    async with platform.db.transaction() as tx:
        await messages.record_receipts(tx, delivered, failed)
