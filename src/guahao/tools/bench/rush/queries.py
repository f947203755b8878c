"""The hospitals of a release, and what the database says of their places afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx

# Days from the release to the visit. A person may have two places on a day and three in a week,
# so that the limits per person let everybody try for all of them.
CYCLES = (30, 30, 31)

_HOSPITALS = """
    INSERT INTO hospitals (code, name, grade, district, cycle_days, release_time)
    SELECT %(code)s || '-' || n, '抢号医院' || n, '三级甲等', '城东区', days, %(release_time)s
    FROM unnest(%(cycles)s::int[]) WITH ORDINALITY AS c (days, n) RETURNING id, cycle_days
"""
_SESSION = """
    WITH department AS (
        INSERT INTO departments (hospital_id, code, name)
        VALUES (%(hospital_id)s, 'D', '心血管内科') RETURNING id
    )
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity)
    SELECT %(hospital_id)s, id, '主任医师', %(visit_date)s, 'morning', 8000, %(places)s
    FROM department RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A moment at which sessions of three hospitals are released, and their places each."""

    at: datetime
    sessions: tuple[int, ...]
    places: int


async def prepare(tx: Tx, number: int, at: datetime, places: int) -> Release:
    """Create three hospitals that release at this moment, and a session of each."""
    hospitals = await tx.rows(
        _HOSPITALS,
        {"code": f"R{number}", "release_time": at.time(), "cycles": list(CYCLES)},
    )
    sessions = []
    for hospital_id, days in hospitals:
        wanted = {
            "hospital_id": hospital_id,
            "visit_date": at.date() + timedelta(days=days),
            "places": places,
        }
        [[session_id]] = await tx.rows(_SESSION, wanted)
        sessions.append(session_id)
    return Release(at, tuple(sessions), places)


async def check_persons(tx: Tx) -> None:
    """Record everybody as checked, since others may hold a single booking."""
    await tx.do("UPDATE patients SET checked_at = %(now)s, checked_by = 'staff'", {"now": tx.now})


async def switch_off(tx: Tx) -> None:
    """Let the city go on without personal release moments, as one that worked before them."""
    await tx.do("UPDATE policy_days SET begun_fair = false")


async def holders(tx: Tx, sessions: Sequence[int]) -> dict[int, list[int]]:
    """Return the persons with a place, by session."""
    found: dict[int, list[int]] = {session: [] for session in sessions}
    for session, patient in await tx.rows(
        """
        SELECT clinic_session_id, patient_id FROM appointments
        WHERE clinic_session_id = ANY(%(sessions)s::bigint[]) AND status = 'booked'
        """,
        {"sessions": list(sessions)},
    ):
        found[session].append(patient)
    return found
