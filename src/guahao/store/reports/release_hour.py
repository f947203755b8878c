"""What happened since a release: requests by answer, bookings by channel, departments by fill.

Over all processes, because it is counted from what they have written. Each statement reads a short
time or few visit dates by an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from guahao.rules.reports.release_hour import Opened
from guahao.store.kernel.db import Tx, recordset


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests of a second after the release that had the same outcome."""

    second: int
    outcome: str
    requests: int


@dataclass(frozen=True, slots=True)
class ByChannel:
    """Bookings of a channel."""

    channel: str
    booked: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A department's places of the dates that were opened. `free`: of these, still bookable."""

    department_id: int
    name: str
    name_en: str
    within: str
    within_en: str
    places: int
    free: int
    held: int


async def answered(tx: Tx, begins: datetime, until: datetime) -> list[Answered]:
    """Count requests by second and outcome."""
    return await tx.records(
        Answered,
        """
        SELECT floor(extract(epoch FROM decided_at - %(begins)s))::int AS second, outcome,
               count(*) AS requests
        FROM booking_requests
        WHERE decided_at >= %(begins)s AND decided_at < %(until)s
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {"begins": begins, "until": until},
    )


async def by_channel(tx: Tx, begins: datetime, until: datetime) -> list[ByChannel]:
    """Count bookings by channel, the most first."""
    return await tx.records(
        ByChannel,
        """
        SELECT channel, count(*) AS booked FROM appointments
        WHERE booked_at >= %(begins)s AND booked_at < %(until)s
        GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        {"begins": begins, "until": until},
    )


async def openings(tx: Tx, opened: Sequence[Opened]) -> list[Opening]:
    """Return the departments with places on the opened dates, those with fewest left first."""
    if not opened:
        return []
    return await tx.records(
        Opening,
        """
        SELECT d.id AS department_id, d.name, d.name_en, h.name AS within, h.name_en AS within_en,
               sum(s.capacity)::int AS places,
               sum(s.capacity - s.booked - s.held - s.reserved)::int AS free,
               sum(s.held)::int AS held
        FROM clinic_sessions s
        JOIN json_to_recordset(%(opened)s::json) AS o (hospital_id bigint, first date, last date)
          ON o.hospital_id = s.hospital_id AND s.visit_date BETWEEN o.first AND o.last
        JOIN departments d ON d.id = s.department_id AND d.on_platform
        JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.visit_date BETWEEN %(first)s AND %(last)s AND s.settled_at IS NULL
          AND s.stopped_at IS NULL AND s.capacity > 0
        GROUP BY d.id, h.id
        ORDER BY free, places DESC, d.id
        """,
        {
            "opened": recordset([asdict(one) for one in opened]),
            "first": min(one.first for one in opened),
            "last": max(one.last for one in opened),
        },
    )
