"""The log of what hospitals must hear of: one row for every change of an appointment's status.

Triggers write it (migration 0011), in the transaction of the change. Transactions end in another
order than they began in; so a reader is shown only what lies below every transaction that still
runs, by position and id, and neither misses an event nor gets one twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx

EVENTS_KEPT_DAYS = 100  # a hospital away for longer lists its bookings anew
_CURSOR = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})")
_LAST_ID = 16**15 - 1

_CHANGES = """
    SELECT id, position, appointment_id, kind, at FROM hospital_events
    WHERE hospital_id = %s AND (position, id) > (%s, %s)
      AND position < hospital_events_settled()
    ORDER BY position, id LIMIT %s
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
        """The cursor that was given out as this text, or None where it is none."""
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
    """Some of what came after this cursor is purged: list the bookings, then go on from here."""

    go_on_from: EventCursor


async def changes(
    tx: Tx, hospital_id: int, after: EventCursor, limit: int
) -> Sequence[HospitalEvent] | EventsForgotten:
    """A hospital's next events, at most `limit`; per appointment in the order of its changes.

    The last one's cursor leads on. Empty: nothing more for now.
    """
    settled, purged_through = await _clock(tx)
    if after.position < purged_through:
        return EventsForgotten(_all_before(settled))
    rows = await tx.rows(_CHANGES, (hospital_id, after.position, after.id, limit))
    return [HospitalEvent(id, EventCursor(place, id), *rest) for id, place, *rest in rows]


async def newest(tx: Tx) -> EventCursor:
    """The cursor of now. A list of bookings read after it misses nothing that it leads to."""
    settled, _ = await _clock(tx)
    return _all_before(settled)


async def purge(tx: Tx, before: datetime) -> int:
    """Forget the events of changes before the moment; how many."""
    row = await tx.row(
        """
        WITH gone AS (DELETE FROM hospital_events WHERE at < %s RETURNING position)
        SELECT count(*), max(position) FROM gone
        """,
        (before,),
    )
    assert row is not None
    if row[0]:
        await tx.do(
            "UPDATE hospital_event_clock SET purged_through = greatest(purged_through, %s)",
            (row[1],),
        )
    return int(row[0])


async def _clock(tx: Tx) -> tuple[int, int]:
    row = await tx.row("SELECT hospital_events_settled(), purged_through FROM hospital_event_clock")
    assert row is not None
    return row[0], row[1]


def _all_before(settled: int) -> EventCursor:
    return EventCursor(settled - 1, _LAST_ID)
