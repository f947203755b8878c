"""Reading the log of a hospital's events in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.city import ask

from guahao.flows.kernel.platform import Platform
from guahao.store.integration.hospital_events import BEGINNING, EventCursor, HospitalEvent, changes


async def hospital_of(platform: Platform, session_id: int) -> int:
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(hospital_id)


async def read(
    platform: Platform, hospital_id: int, after: EventCursor = BEGINNING, limit: int = 1000
) -> Sequence[HospitalEvent]:
    """What the hospital itself is shown for now."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        found = await changes(tx, hospital_id, after, limit)
    assert isinstance(found, Sequence)
    return found


async def read_through(platform: Platform, hospital_id: int, count: int) -> list[HospitalEvent]:
    """The first `count` events, once the server's own transactions let them be shown."""
    async with asyncio.timeout(60):
        while len(found := await read(platform, hospital_id)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert len(found) == count
    return list(found)
