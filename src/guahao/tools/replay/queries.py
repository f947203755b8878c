"""The statements of a replay: fill its scratch database, and count there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows

_COPY = {
    "hospitals": """
        COPY hospitals (id, code, name, grade, district, cycle_days, release_time,
                        next_day_stop_time, cancel_days_before, cancel_time,
                        pickup_until_morning, pickup_until_afternoon, pickup_until_evening,
                        checked_only)
        FROM STDIN
    """,
    "departments": "COPY departments (id, hospital_id, code, name) FROM STDIN",
    "clinic_sessions": """
        COPY clinic_sessions (id, hospital_id, department_id, title, visit_date, period,
                              fee_fen, capacity) FROM STDIN
    """,
    "patients": """
        COPY patients (id, name_enc, id_type, id_no_enc, id_no_index, person_index, created_at)
        FROM STDIN
    """,
}


async def fill(tx: Tx, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, each with the columns of its table in _COPY."""
    await copy_rows(tx, _COPY[table], rows)


async def requests_by_outcome(tx: Tx) -> dict[str, int]:
    """Count the booked requests, and those refused for each reason."""
    return await _counts(tx, "SELECT outcome, count(*) FROM booking_requests GROUP BY outcome")


async def appointments_by_status(tx: Tx) -> dict[str, int]:
    """Count the appointments of each status."""
    return await _counts(tx, "SELECT status, count(*) FROM appointments GROUP BY status")


async def persons_suspended(tx: Tx) -> int:
    """Count the persons ever suspended; a replay excuses nothing."""
    row = await tx.row("SELECT count(*) FROM patients WHERE suspended_until IS NOT NULL")
    assert row is not None
    return int(row[0])


async def _counts(tx: Tx, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in await tx.rows(query)}
