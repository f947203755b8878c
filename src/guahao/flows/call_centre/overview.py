"""The supervisor's overview of the call centre; it names agents, never callers."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.rules.call_centre.overview import CallCentreOverview
from guahao.store.call_centre import overview as store


async def overview(platform: Platform) -> CallCentreOverview:
    """Return the call centre at this moment."""
    async with platform.db.transaction() as tx:
        return CallCentreOverview(
            await store.calls_now(tx), await store.tasks_waiting(tx), await store.agents_today(tx)
        )
