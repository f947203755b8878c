"""The log of events for hospitals: one row for every change of an appointment's status.

Triggers write it (migration 0011), in the transaction of the change. Transactions end in another
order than they began in; so a reader is shown only what lies below every transaction that still
runs, by position and id, and neither misses an event nor gets one twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guahao.store.kernel.db import Tx

EVENTS_KEPT_DAYS = 100  # a hospital away for longer lists its bookings anew
_CURSOR = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})")
_LAST_ID = 16**15 - 1

_CHANGES = """
    SELECT id, position, appointment_id, kind, at FROM hospital_events
    WHERE hospital_id = %(hospital_id)s AND (position, id) > (%(position)s, %(id)s)
      AND position < hospital_events_settled()
    ORDER BY position, id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, order=True)
class EventCursor:
    """A place in the log: everything up to it, itself included, has been read."""

    position: int
    id: int

    def __str__(self) -> str:
        return f"{self.position:x}-{self.id:x}"

    @classmethod
    def read(cls, text: str) -> EventCursor | None:
        """Return the cursor that was given out as this text, or None where it is none."""
        found = _CURSOR.fullmatch(text)
        return found and cls(int(found[1], 16), int(found[2], 16))


BEGINNING = EventCursor(0, 0)


@dataclass(frozen=True, slots=True)
class HospitalEvent:
    """A change. `kind` is the appointment's new status, or `restored`: it lives again.

    Of one appointment a later event has the greater id.
    """

    id: int
    cursor: EventCursor
    appointment_id: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventsForgotten:
    """Some of what came after a cursor is purged: list the bookings, then go on from here."""

    go_on_from: EventCursor


async def changes(
    tx: Tx, hospital_id: int, after: EventCursor, limit: int
) -> Sequence[HospitalEvent] | EventsForgotten:
    """Return a hospital's next events, at most `limit`; per appointment in order of its changes.

    The last one's cursor leads on. Empty: nothing more for now.
    """
    settled, purged_through = await _clock(tx)
    if after.position < purged_through:
        return EventsForgotten(_all_before(settled))
    return await tx.records(
        _event,
        _CHANGES,
        {"hospital_id": hospital_id, "position": after.position, "id": after.id, "limit": limit},
    )


def _event(*, id: int, position: int, **row: Any) -> HospitalEvent:
    return HospitalEvent(id=id, cursor=EventCursor(position, id), **row)


async def newest(tx: Tx) -> EventCursor:
    """Return the cursor of now. A list of bookings read after it misses nothing before it."""
    settled, _ = await _clock(tx)
    return _all_before(settled)


async def purge(tx: Tx, before: datetime) -> int:
    """Delete the events of changes before the moment; return how many."""
    row = await tx.row(
        """
        WITH gone AS (DELETE FROM hospital_events WHERE at < %(before)s RETURNING position)
        SELECT count(*), max(position) FROM gone
        """,
        {"before": before},
    )
    assert row is not None
    count, last = row
    if count:
        await tx.do(
            """
            UPDATE hospital_event_clock SET purged_through = greatest(purged_through, %(last)s)
            """,
            {"last": last},
        )
    return int(count)


async def _clock(tx: Tx) -> tuple[int, int]:
    row = await tx.row("SELECT hospital_events_settled(), purged_through FROM hospital_event_clock")
    assert row is not None
    settled, purged_through = row
    return settled, purged_through


def _all_before(settled: int) -> EventCursor:
    return EventCursor(settled - 1, _LAST_ID)
