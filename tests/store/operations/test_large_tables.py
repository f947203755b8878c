"""What is asked every few minutes reads what it returns, and not all that there ever was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from tests.city import Clock, add_account, add_patient, add_session, change, open_platform

from guahao.flows.attendance.penalties import sweep
from guahao.flows.kernel.platform import Platform
from guahao.store.attendance import penalties
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages

PAST, FUTURE, DUE = 30_000, 1_000, 20
BOOKED = 500


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


def gather_statistics(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE clinic_sessions, appointments, messages")


async def sessions_read(tx: Tx) -> int:
    """The rows that were read of the sessions up to now."""
    [[count]] = await tx.rows(
        """
        SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
        WHERE relname = 'clinic_sessions'
        """
    )
    return int(count)


async def add_years_of_sessions(platform: Platform) -> None:
    """Settled ones of the past, and those to come; the last of the past are due."""
    await add_session(platform)
    await change(
        platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                     fee_fen, capacity, settled_at)
        SELECT hospital_id, department_id, title, %s::date + n / 20, period, fee_fen, capacity,
               CASE WHEN n < -%s::int THEN now() END
        FROM clinic_sessions, generate_series(-%s::int, %s::int) n WHERE n <> 0
        """,
        platform.db.clock().date(),
        DUE,
        PAST,
        FUTURE,
    )


async def test_a_sweep_reads_no_session_that_is_settled(
    platform: Platform, database_url: str
) -> None:
    await add_years_of_sessions(platform)
    gather_statistics(database_url)
    async with platform.db.transaction() as tx:
        before = await sessions_read(tx)
        ids = await penalties.unsettled_ids(tx)
        due = await penalties.unsettled_sessions(tx, ids)
        assert await sessions_read(tx) - before <= 3 * len(due)
    assert len(due) == len(ids) == 2 * DUE - 1  # of yesterday, and of today
    await sweep(platform)
    async with platform.db.transaction() as tx:
        left = await penalties.unsettled_sessions(tx, await penalties.unsettled_ids(tx))
    assert {session.visit_date for session in left} == {platform.db.clock().date()}


async def add_bookings(platform: Platform) -> list[int]:
    """Book for BOOKED persons in a few sessions of a day, and return the ids of these."""
    await add_patient(platform, await add_account(platform, 1), 1)
    sessions = [await add_session(platform) for _ in range(10)]
    at = platform.db.clock() - timedelta(days=1)
    async with platform.db.transaction() as tx:
        await tx.do(
            """
        WITH phones AS (
            INSERT INTO accounts (phone_enc, phone_index, created_at)
            SELECT '', int4send(n), %(at)s FROM generate_series(1, %(booked)s::int) n
            RETURNING id, phone_index AS number
        ), crowd AS (
            INSERT INTO patients (account_id, phone_slot, id_type, id_no_index, person_index,
                                  name_enc, id_no_enc, created_at)
            SELECT a.id, 1, '01', number, number, name_enc, id_no_enc, p.created_at
            FROM patients p, phones a
            RETURNING id)
        INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, channel, code_enc, code_index, booked_at, changed_at)
        SELECT c.id, s.id, s.hospital_id, s.department_id, s.visit_date, 'window', '',
               sha256(int8send(c.id)), %(at)s, %(at)s
        FROM crowd c
        JOIN clinic_sessions s ON s.id = (%(sessions)s::bigint[])[1 + c.id %% 10]
        """,
            {"booked": BOOKED, "at": at, "sessions": sessions},
        )
    return sessions


async def test_reminders_are_looked_up_one_by_one_before_postgresql_knows_of_any(
    platform: Platform, database_url: str
) -> None:
    """It joined all bookings of the day with all reminders of the evening: a square."""
    sessions = await add_bookings(platform)
    gather_statistics(database_url)
    scans = "SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'messages'"
    async with platform.db.transaction() as tx:
        assert await messages.remind(tx, sessions, tx.now) == BOOKED
        [[before]] = await tx.rows(scans)
        assert await messages.remind(tx, sessions, tx.now) == 0
        [[after]] = await tx.rows(scans)
    assert after - before >= BOOKED
