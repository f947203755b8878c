"""What the demo "sent", including one-time passwords: production has no such page."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.store.messages import messages
from guahao.store.messages.messages import OutboxItem


async def read_outbox(platform: Platform, phone: str | None, limit: int) -> list[OutboxItem]:
    """Return messages newest first, to a phone, however it is written, or to all."""
    async with platform.db.transaction() as tx:
        return await messages.outbox(tx, platform.vault, phone, limit)
