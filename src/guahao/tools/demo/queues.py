"""The queues of today's sessions: patients who have come have their numbers, some were called.

The past is written in bulk, past the flow of pick-up that gives numbers; so they are given here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guahao.flows.hall.queues import give_numbers
from guahao.rules.hall.calling import QueueCallRefusal, call_next
from guahao.store.hall import queues as store
from guahao.store.kernel.db import Tx

_CALLED_OF = 2  # every second who has come was called by now
_ROOM = "1诊室"


async def add_queues(tx: Tx, came: Mapping[int, Sequence[int]]) -> None:
    """Give numbers to the bookings that were picked up today, by session, and call some."""
    for session_id, appointment_ids in came.items():
        await give_numbers(tx, session_id, appointment_ids)
        for _ in range(len(appointment_ids) // _CALLED_OF):
            changed = call_next(await store.entries(tx, session_id), _ROOM, tx.now)
            if isinstance(changed, QueueCallRefusal):
                break
            await store.save(tx, changed)
