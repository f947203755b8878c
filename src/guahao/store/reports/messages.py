"""Messages by delivery."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.reports.scope import ReportScope
from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import CITY_DAY, Grouping, Key, days_of, of_place

_KEYS = {
    Grouping.DAY: CITY_DAY.format("m.created_at"),
    Grouping.KIND: "m.kind",
    Grouping.CHANNEL: "m.channel",
}


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """How many messages of a group are in which state."""

    key: Key
    delivered: int
    submitted: int
    queued: int
    failed: int
    expired: int
    unknown: int
    by_phone: int

    @property
    def written(self) -> int:
        """Return how many there are."""
        return self.delivered + self.submitted + self.queued + self.by_phone + self.undelivered

    @property
    def undelivered(self) -> int:
        """Return how many were not delivered, or may not have been."""
        return self.failed + self.expired + self.unknown


async def by_state(tx: Tx, scope: ReportScope, grouping: Grouping) -> list[DeliveryCount]:
    """Count messages written on the scope's days; of a hospital, those about its bookings."""
    place = of_place(scope, "a")
    joined = "JOIN appointments a ON a.id = m.appointment_id" if place.params else ""
    return await tx.records(
        DeliveryCount,
        f"""
        SELECT {_KEYS[grouping]} AS key,
               count(*) FILTER (WHERE m.state = 'delivered') AS delivered,
               count(*) FILTER (WHERE m.state = 'submitted') AS submitted,
               count(*) FILTER (WHERE m.state = 'queued') AS queued,
               count(*) FILTER (WHERE m.state = 'failed') AS failed,
               count(*) FILTER (WHERE m.state = 'expired') AS expired,
               count(*) FILTER (WHERE m.state = 'unknown') AS unknown,
               count(*) FILTER (WHERE m.state = 'by_phone') AS by_phone
        FROM messages m {joined}
        WHERE m.created_at >= %(from)s AND m.created_at < %(until)s {place.sql}
        GROUP BY 1 ORDER BY 1
        """,
        {**days_of(scope), **place.params},
    )
