"""Messages by what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import CITY_DAY, Grouping, Key, Scope, of_place

_KEYS = {
    Grouping.DAY: CITY_DAY.format("m.created_at"),
    Grouping.KIND: "m.kind",
    Grouping.CHANNEL: "m.channel",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages of a group stand how."""

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
        """All of them."""
        return self.delivered + self.submitted + self.queued + self.by_phone + self.undelivered

    @property
    def undelivered(self) -> int:
        """Those that reached nobody, or of which nobody knows."""
        return self.failed + self.expired + self.unknown


async def by_state(tx: Tx, scope: Scope, grouping: Grouping) -> list[Delivery]:
    """Messages written on the scope's days; of a hospital, those about its bookings."""
    place = of_place(scope, "a")
    joined = "JOIN appointments a ON a.id = m.appointment_id" if place.params else ""
    rows = await tx.rows(
        f"""
        SELECT {_KEYS[grouping]},
               count(*) FILTER (WHERE m.state = 'delivered'),
               count(*) FILTER (WHERE m.state = 'submitted'),
               count(*) FILTER (WHERE m.state = 'queued'),
               count(*) FILTER (WHERE m.state = 'failed'),
               count(*) FILTER (WHERE m.state = 'expired'),
               count(*) FILTER (WHERE m.state = 'unknown'),
               count(*) FILTER (WHERE m.state = 'by_phone')
        FROM messages m {joined}
        WHERE m.created_at >= %s AND m.created_at < %s {place.sql}
        GROUP BY 1 ORDER BY 1
        """,
        (*scope.moments, *place.params),
    )
    return [Delivery(*row) for row in rows]
