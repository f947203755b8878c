"""The nightly deletion of what the law and the operator do not keep any longer."""

from __future__ import annotations

from datetime import timedelta

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.records import forget_erased
from guahao.rules.kernel.retention import RETENTIONS, days_kept
from guahao.store.fairness import entries
from guahao.store.kernel import retention as store
from guahao.store.messages import messages

RECIPIENTS_KEPT = timedelta(days=1)  # phones without account, after a code was sent to them
ENTRANTS_KEPT = timedelta(
    days=180
)  # who entered a draw, after its end, and applications after theirs


async def delete_old(platform: Platform) -> dict[str, int]:
    """Delete every kind's old rows, a batch a transaction; how many of each."""
    deleted = dict.fromkeys(RETENTIONS, 0)
    for kind in RETENTIONS:
        kept = timedelta(days=days_kept(platform.settings.retention_days, kind))
        while True:
            async with platform.db.transaction() as tx:
                count = await store.delete_old(tx, kind, tx.now - kept)
            deleted[kind] += count
            if count < store.AT_ONCE:
                break
    async with platform.db.transaction() as tx:
        await messages.forget_recipients(tx, tx.now - RECIPIENTS_KEPT)
    async with platform.db.transaction() as tx:
        await entries.forget_entrants(tx, tx.now - ENTRANTS_KEPT)
    async with platform.db.transaction() as tx:
        await forget_erased(tx)
    return deleted
