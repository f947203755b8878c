"""Statements over many timetables read the sessions they need, with or without statistics.

The tests' server never collects any, as in the minutes after a large import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.city import Clock, add_session, ask, change, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.store.kernel.db import Tx
from guahao.store.supply import sessions, timetables

LINES = 140
DAYS = 90


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


async def planned(platform: Platform) -> int:
    """Give a hospital LINES timetables, twenty for each weekday; return its id."""
    await add_session(platform)
    await change(
        platform,
        """
        INSERT INTO timetables (hospital_id, department_id, iso_weekday, fee_is_own, valid_from,
                                valid_until, title, specialty, period, fee_fen, capacity)
        SELECT hospital_id, department_id, n %% 7 + 1, true, date '2026-01-01', 'infinity',
               '主任医师', '专业' || n, 'morning', 8000, 20
        FROM clinic_sessions, generate_series(1, %s) n
        """,
        LINES,
    )
    [[hospital_id]] = await ask(platform, "SELECT hospital_id FROM clinic_sessions")
    return int(hospital_id)


async def read(tx: Tx) -> tuple[int, int]:
    """Return the scans of all sessions, and the sessions found by index, up to now.

    They include what the connection did before this transaction and has not told the server yet.
    """
    row = await tx.row(
        """
        SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE relname = 'clinic_sessions'
        """
    )
    assert row is not None
    return row[0], row[1]


async def test_many_timetables_sessions_are_looked_up_one_by_one(platform: Platform) -> None:
    hospital_id = await planned(platform)
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        first, last = tx.now.date(), tx.now.date() + timedelta(days=DAYS)
        made = len(await sessions.roll_out(tx, hospital_id, first, last))
        assert made > LINES * 12
    ids = [row[0] for row in await ask(platform, "SELECT id FROM timetables")]
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        spans = dict.fromkeys(ids, (first, last))
        scans_before, found_before = await read(tx)
        assert len(await timetables.sessions_of(tx, spans, lock=True)) == made
        scans, found = await read(tx)
    assert scans == scans_before
    assert found - found_before <= 3 * made
