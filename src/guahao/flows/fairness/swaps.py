"""The swap index for the city's staff: whether returned places are handed on (FAIRNESS)."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.flows.reports.reports import Grouped, named, reading
from guahao.rules.reports.scope import ReportScope
from guahao.rules.staff.staff import Staff
from guahao.store.fairness import swaps as store
from guahao.store.fairness.swaps import Swaps
from guahao.store.reports.scope import Grouping


async def swaps(
    platform: Platform, by: Staff, scope: ReportScope, grouping: Grouping
) -> Grouped[Swaps]:
    """Return how many returned places of full sessions were rebooked within seconds, by group."""
    assert by.hospital_id is None
    async with reading(platform, by) as tx:
        rows = await store.count(tx, scope, grouping)
        return Grouped(rows, await named(tx, scope, grouping, {row.key for row in rows}))
