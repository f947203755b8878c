"""Migrating while a long report reads: bookings go on, and the operator reads sentences."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.conftest import SOURCES
from tests.crowd import add_clinic, add_crowd, book, open_desk
from tests.faults.harness.network import until

from guahao.store.kernel.db import as_application
from guahao.store.kernel.migrate import MigrationError, SchemaState, migrate, schema_of
from guahao.store.kernel.views import AppointmentView

pytestmark = pytest.mark.faults
BEFORE = "0070"  # an older schema on which the desk of this release works


@pytest.fixture
def older_database_url(empty_database_url: str) -> str:
    migrate(empty_database_url, revision=BEFORE)
    return empty_database_url


@pytest.fixture
def report(older_database_url: str) -> Iterator[psycopg.Connection]:
    """A report that reads what the migration locks, for as long as the test."""
    options = "-c application_name=report"
    with psycopg.connect(older_database_url, options=options) as reading:
        reading.execute("SELECT count(*) FROM messages")
        yield reading


async def test_bookings_go_on_while_a_migration_waits_behind_a_report(
    older_database_url: str, report: psycopg.Connection
) -> None:
    said: list[str] = []
    async with (
        open_platform(older_database_url, Clock()) as platform,
        open_desk(platform) as desk,
    ):
        [session_id] = await add_clinic(platform)
        crowd = await add_crowd(platform, 20)
        migrating = asyncio.create_task(
            asyncio.to_thread(migrate, older_database_url, report=said.append)
        )
        try:
            await until(lambda: len(said) > 0)
            for person in crowd:
                answer = await book(desk, person, session_id)
                assert isinstance(answer, AppointmentView), answer
            await until(lambda: len(said) > 1)
        finally:
            report.rollback()
            await migrating
    assert "waiting for a lock" in said[0]
    assert "report (pid" in said[0]
    assert schema_of(older_database_url).state is SchemaState.UP_TO_DATE
    assert unforced(older_database_url) == []


def unforced(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        ).fetchall()


def test_a_lock_that_is_never_had_is_a_sentence_and_changes_nothing(
    older_database_url: str, report: psycopg.Connection
) -> None:
    with pytest.raises(MigrationError, match=r"no lock was to be had.*report \(pid") as told:
        migrate(older_database_url, patience_seconds=0.5)
    assert "run this again" in str(told.value)
    assert schema_of(older_database_url).revision == BEFORE
    report.rollback()
    migrate(older_database_url)
    assert schema_of(as_application(older_database_url)).state is SchemaState.UP_TO_DATE


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if "GUAHAO" not in name}
    return subprocess.run(
        [sys.executable, "-m", "guahao", *arguments],
        env={**environ, "GUAHAO_DATABASE_URL": url, "PYTHONPATH": SOURCES},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_says_how_the_database_lies_to_it(older_database_url: str) -> None:
    pending = command(older_database_url, "migrate", "--check")
    newest = schema_of(older_database_url).pending[-1]
    assert (pending.returncode, newest in pending.stdout) == (3, True)
    with psycopg.connect(older_database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    assert schema_of(older_database_url).state is SchemaState.NEWER
    newer = command(older_database_url, "migrate")
    assert newer.returncode == 2
    assert "newer version" in newer.stderr
    assert "Traceback" not in newer.stderr


def test_a_database_that_cannot_be_reached_is_a_sentence() -> None:
    with pytest.raises(MigrationError, match="cannot be reached"):
        migrate("postgresql://nobody@127.0.0.1:1/nowhere")


def test_a_login_that_does_not_own_the_tables_is_told_who_does(older_database_url: str) -> None:
    login = "guahao_migrates_in_vain"
    with psycopg.connect(older_database_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {login} LOGIN IN ROLE guahao_app, guahao_hospital".encode())
        try:
            other = psycopg.conninfo.make_conninfo(older_database_url, user=login)
            with pytest.raises(MigrationError, match="belong to postgres"):
                migrate(other)
        finally:
            conn.execute(f"DROP ROLE {login}".encode())
