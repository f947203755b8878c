"""Settle merges: derive the suspension of a person who had several registrations (S16)."""

from __future__ import annotations

from guahao.flows.attendance.penalties import derive_and_relieve
from guahao.flows.kernel.platform import Platform
from guahao.store.booking.appointments import lock_persons
from guahao.store.messages import messages
from guahao.store.people import merges as store

_PERSONS_A_CHUNK = 200


async def settle_merges(platform: Platform) -> int:
    """Derive suspensions from the no-shows of all registrations of a person; notify the accounts.

    Return how many merges were settled. The accounts are notified that their registrations are
    the same person's. Chunk by chunk, each in its own transaction: a crash leaves the rest to the
    next run, and a merge that another worker settles meanwhile is left to that worker.
    """
    settled = 0
    while True:
        async with platform.db.transaction() as tx:
            survivors = await store.unsettled_survivors(tx, _PERSONS_A_CHUNK)
            if not survivors:
                return settled
            await lock_persons(tx, survivors)
            merges = await store.settle(tx, survivors)
            settled += len(merges)
            await messages.notify_accounts_once(
                tx, "merged", sorted({id for merge in merges for id in merge})
            )
            await derive_and_relieve(tx, platform, survivors)
