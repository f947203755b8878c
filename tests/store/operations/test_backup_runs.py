"""Backups are recorded, and the latest of a kind is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from psycopg import errors
from tests.city import Clock, open_platform

from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.operations import backup_runs
from guahao.store.operations.backup_runs import BackupRun

NIGHT = datetime(2026, 11, 27, 2, 30, tzinfo=CITY_TIME)
BACKUP = BackupRun("backup", NIGHT, NIGHT + timedelta(minutes=20), "ok", size_bytes=3_000_000)
VERIFIED = BackupRun(
    *("verify", NIGHT + timedelta(hours=1), NIGHT + timedelta(hours=2), "ok", "audit clean"),
    target_time=NIGHT,
)


async def test_the_latest_of_a_kind_and_outcome_is_found(database_url: str) -> None:
    async with open_platform(database_url, Clock()) as platform:
        async with platform.db.transaction() as tx:
            assert await backup_runs.latest(tx, "verify") is None
            later = timedelta(days=1)
            failed = replace(
                VERIFIED,
                started_at=VERIFIED.started_at + later,
                finished_at=VERIFIED.finished_at + later,
                outcome="failed",
                detail="the scratch server did not start",
            )
            for run in (BACKUP, VERIFIED, failed):
                await backup_runs.record(tx, run)
        async with platform.db.transaction() as tx:
            assert await backup_runs.latest(tx, "backup") == BACKUP
            assert await backup_runs.latest(tx, "verify") == failed
            assert await backup_runs.latest(tx, "verify", "ok") == VERIFIED


async def test_a_run_cannot_end_before_it_began(database_url: str) -> None:
    wrong = replace(BACKUP, finished_at=NIGHT - timedelta(seconds=1))
    async with open_platform(database_url, Clock()) as platform:
        with pytest.raises(errors.CheckViolation):
            async with platform.db.transaction() as tx:
                await backup_runs.record(tx, wrong)
