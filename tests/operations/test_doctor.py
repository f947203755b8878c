"""`guahao doctor`: a healthy platform, and each check made to fail for real."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.acceptance.processes import environment, guahao
from tests.city import (
    LOOPBACK,
    Clock,
    add_booking,
    ask,
    change,
    open_platform,
    phone,
)
from tests.faults.harness.network import network_to
from tests.store.kernel.test_roles import with_login

from guahao.clock import CityClock, city_clock
from guahao.flows.integration.webhooks import set_webhook
from guahao.flows.operations import doctor
from guahao.flows.people.one_time_passwords import request_otp
from guahao.flows.staff.demo_staff import add_demo_staff
from guahao.rules.fairness.witnessing import Witness
from guahao.rules.integration.pushing import KINDS
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.operations.checks import Check, State, exit_status
from guahao.rules.staff.staff import SYSTEM
from guahao.rules.supply.national_calendar import first_unknown_day
from guahao.settings import Settings
from guahao.store.kernel.db import LOGIN_ROLE
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.vault import Vault
from guahao.store.operations import backup_runs
from guahao.store.operations.backup_runs import BackupRun
from guahao.store.staff.trail import TrailHead
from guahao.wiring import examine

KEY = "a secret key of the tests, long enough"  # tests.city's own
PATIENCE_SECONDS = 90
DATABASE_CHECKS = {
    *("login", "row_security", "demo_staff", "schema", "clock", "primary", "standby"),
    *("connections", "slots", "database_size", "workers", "tasks", "messages", "hospitals"),
    *("dead_letters", "backup", "backup_verified", "key", "trail"),
}
ALL_CHECKS = {
    "settings",
    "owner_login",
    "disk",
    "calendar",
    "witnesses",
    "database",
} | DATABASE_CHECKS


@pytest.fixture
def login_url(database_url: str) -> str:
    url = with_login(database_url)
    migrate(database_url, application_url=url)
    return url


async def checked(
    url: str | None,
    settings: Settings | None = None,
    *,
    key: str = KEY,
    clock: CityClock | None = None,
    noted: TrailHead | None = None,
) -> dict[str, Check]:
    found = await doctor.examine(
        settings or Settings(), url, Vault(key), clock or city_clock(), noted
    )
    assert len({check.name for check in found}) == len(found)
    assert {check.name for check in found} == ALL_CHECKS - {"settings"}
    return {check.name: check for check in found}


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@contextmanager
def worker(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "guahao", "worker"], env=env)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)


def until(env: dict[str, str], name: str, state: State) -> list[Check]:
    """Examine again until a check comes out so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    checks: list[Check] = []
    while time.monotonic() < deadline:
        checks = examine(env)
        if {check.name: check.state for check in checks}[name] is state:
            return checks
        time.sleep(0.2)
    raise AssertionError(f"{name} never came to be {state}: {checks}")


def test_a_healthy_platform_and_one_whose_worker_was_stopped(
    login_url: str, tmp_path: Path
) -> None:
    env = environment(login_url, tmp_path, GUAHAO_DISK_FREE_PERCENT="1")
    with worker(env) as process:
        until(env, "tasks", State.OK)
        checks = until(env, "workers", State.OK)
        wrong = {check.name for check in checks if check.state is not State.OK}
        assert wrong <= {"calendar"}  # a warning at the end of each year
        assert {check.name for check in checks} == ALL_CHECKS
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        checks = until(env, "workers", State.FAILED)
    [said] = [check.says for check in checks if check.name == "workers"]
    assert "guahao-worker" in said
    told = guahao("doctor", "--json", env=env)
    assert told.returncode == 2
    found = json.loads(told.stdout)
    assert found["status"] == 2
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["workers"] == "failed"
    assert states["database"] == "ok"


@pytest.mark.parametrize("url", ["postgresql:/u:sEcr1@h", "postgresql://u:sE%zzcr1@h/d"])
async def test_a_malformed_url_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    env = environment(url, tmp_path)
    [settings] = examine(env)
    assert settings.state is State.FAILED
    assert "GUAHAO_DATABASE_URL must be like postgresql://" in settings.says
    assert "cr1" not in settings.says
    reached = (await checked(url))["database"]  # also where the settings did not see it
    assert reached.state is State.FAILED
    assert "cr1" not in reached.says


@pytest.mark.parametrize(
    "command",
    [
        ["doctor", "--json"],
        ["migrate"],
        pytest.param(["audit"], marks=pytest.mark.faults),  # waits 30 s for the database
        ["backup", "take"],
    ],
)
def test_no_command_prints_the_password_of_a_database_that_is_away(
    command: list[str], tmp_path: Path
) -> None:
    url = "postgresql://u:sEcr1@127.0.0.1:1/d"
    backup = {"GUAHAO_BACKUP_URL": url, "GUAHAO_BACKUP_DIR": str(tmp_path / "archive")}
    env = environment(url, tmp_path, GUAHAO_DATABASE_OWNER_URL=url, **backup)
    told = guahao(*command, env=env)
    assert told.returncode in (2, 3), told.stderr
    assert "refused" in told.stdout + told.stderr
    assert "sEcr1" not in told.stdout + told.stderr


async def test_a_refused_and_a_silent_database_end_it_in_seconds(login_url: str) -> None:
    async with network_to(login_url) as network:
        reached = await checked(network.url)
        assert reached["database"].state is State.OK
        network.fall_silent()
        async with asyncio.timeout(20):
            silent = await checked(network.url)
        assert silent["database"].state is State.FAILED
        assert "timeout expired" in silent["database"].says
        await network.refuse()
        refused = await checked(network.url)
        assert refused["database"].state is State.FAILED
        await network.listen()
    for found in (silent, refused):
        assert {found[name].state for name in DATABASE_CHECKS} == {State.UNKNOWN}
        assert "docs/operators/failover.md" in found["database"].says
        assert exit_status(list(found.values())) == 3


async def test_a_database_that_falls_silent_meanwhile_hangs_no_check(login_url: str) -> None:
    async with network_to(login_url) as network:
        network.dropped_after = b"alembic_version"
        async with asyncio.timeout(20):
            found = await checked(network.url)
    assert found["database"].state is State.OK
    assert found["schema"].state is State.UNKNOWN
    assert found["trail"].state is State.UNKNOWN


def test_the_database_away_is_exit_status_3(tmp_path: Path) -> None:
    env = environment("postgresql://guahao@127.0.0.1:9/nowhere", tmp_path)
    told = guahao("doctor", env=env)
    assert told.returncode == 3
    assert "✗ failed" in told.stdout
    assert "? unknown" in told.stdout


def test_refused_settings_are_said_in_the_words_of_every_start(tmp_path: Path) -> None:
    env = {"GUAHAO_MODE": "production", "GUAHAO_DATA_DIR": str(tmp_path)}
    [check] = examine(env)
    assert (check.name, check.state) == ("settings", State.FAILED)
    assert "GUAHAO_IDENTITY_VERIFIER" in check.says
    [check] = examine({"GUAHAO_DATA_DIR": str(tmp_path)})  # a demo that was never started
    assert "guahao up" in check.says
    assert list(tmp_path.iterdir()) == []


async def test_a_login_that_could_become_the_owner(database_url: str) -> None:
    production = Settings(mode="production", database_owner_url=database_url)
    found = await checked(database_url, production)
    assert found["login"].state is State.FAILED
    assert "needs a login of its own" in found["login"].says
    assert found["owner_login"].state is State.WARNING
    assert found["backup"].state is State.FAILED  # none yet
    assert found["backup_verified"].state is State.FAILED


async def test_a_role_that_was_revoked(login_url: str, database_url: str) -> None:
    execute(database_url, f"REVOKE guahao_secrets FROM {LOGIN_ROLE}")
    try:
        found = await checked(login_url, Settings(mode="production"))
        assert found["login"].state is State.FAILED
        assert "guahao_secrets" in found["login"].says
        execute(database_url, f"REVOKE guahao_app FROM {LOGIN_ROLE}")
        found = await checked(login_url)
        assert (found["database"].state, found["login"].state) == (State.OK, State.FAILED)
        assert exit_status(list(found.values())) == 2
    finally:
        execute(database_url, f"GRANT guahao_app, guahao_secrets TO {LOGIN_ROLE}")


async def test_a_grant_that_is_missing_leaves_its_check_unknown(
    login_url: str, database_url: str
) -> None:
    execute(
        database_url,
        "REVOKE SELECT ON backup_runs FROM guahao_app",
        "ALTER TABLE appointments NO FORCE ROW LEVEL SECURITY",
    )
    found = await checked(login_url)
    assert found["backup"].state is State.UNKNOWN
    assert found["messages"].state is State.OK
    assert found["row_security"].state is State.FAILED
    assert "appointments" in found["row_security"].says


async def test_only_the_login_may_connect(login_url: str, database_url: str) -> None:
    name = urlsplit(database_url).path[1:]
    execute(
        database_url,
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {LOGIN_ROLE}",
    )
    try:
        found = await checked(login_url)
    finally:
        execute(
            database_url,
            f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC",
            f"REVOKE CONNECT ON DATABASE {name} FROM {LOGIN_ROLE}",
        )
    assert found["connections"].state is found["database_size"].state is State.OK


async def test_an_old_schema_and_one_from_the_future(login_url: str, database_url: str) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '0046'")
    found = await checked(login_url)
    assert found["schema"].state is State.FAILED
    assert found["schema"].figures["revision"] == "0046"
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert (await checked(login_url))["schema"].state is State.WARNING


class Ahead(CityClock):
    """A clock that was set wrong."""

    def __call__(self) -> datetime:
        return super().__call__() + timedelta(seconds=90)


async def test_a_wrong_clock_key_and_trail(login_url: str) -> None:
    found = await checked(login_url)
    assert {found[name].state for name in ("clock", "key", "trail")} == {State.OK}
    async with open_platform(login_url, Clock()) as platform:
        await add_booking(platform)
    found = await checked(login_url)
    assert found["key"].figures == {"tried": 3, "unopened": 0}
    noted = TrailHead(7, b"x" * 32)
    found = await checked(login_url, key=KEY + "2", clock=Ahead(), noted=noted)
    assert "+90.0 s" in found["clock"].says
    assert found["key"].state is State.FAILED
    assert "docs/operators/lost-key.md" in found["key"].says
    assert found["trail"].state is State.FAILED
    assert {found[name].state for name in ("clock", "primary")} == {State.FAILED, State.OK}


async def test_a_calendar_that_ends_soon_is_told(login_url: str) -> None:
    first = first_unknown_day()

    async def on(day: date) -> Check:
        begun = datetime.combine(day, time_of_day(12), CITY_TIME)
        return (await checked(login_url, clock=city_clock(begun)))["calendar"]

    assert (await on(first - timedelta(days=45))).state is State.OK
    late = await on(first - timedelta(days=44))
    assert late.state is State.WARNING
    assert late.figures == {"known_days": 44}
    assert "docs/operators/upgrade.md" in late.says


async def test_a_witness_whose_values_end_soon_is_told(login_url: str) -> None:
    begins = datetime(2026, 12, 1, tzinfo=CITY_TIME)

    async def with_values(values: int | None, *others: Witness) -> Check:
        witness = Witness("公证处", b"v" * 32, "https://witness.example.cn", begins, 5, values)
        settings = Settings(fairness_witnesses=(witness, *others))
        return (await checked(login_url, settings, clock=city_clock(begins)))["witnesses"]

    a_day = 24 * 60 // 5
    assert (await checked(login_url))["witnesses"].state is State.OK
    assert (await with_values(31 * a_day)).state is State.OK
    late = await with_values(29 * a_day)
    assert late.state is State.WARNING
    assert "公证处 (28 days)" in late.says or "公证处 (29 days)" in late.says
    assert "docs/operators/witness.md" in late.says
    following = Witness("公证处", b"w" * 32, "https://witness.example.cn", begins, 5, 90 * a_day)
    assert (await with_values(29 * a_day, following)).state is State.OK
    untold = await with_values(None)
    assert untold.state is State.WARNING
    assert '"values"' in untold.says


async def test_a_small_disk(login_url: str, tmp_path: Path) -> None:
    found = await checked(login_url, Settings(data_dir=tmp_path / "not" / "yet"))
    assert found["disk"].figures["total_bytes"]
    strict = Settings(data_dir=tmp_path, disk_free_percent=99)
    assert (await checked(login_url, strict))["disk"].state in (State.WARNING, State.FAILED)


async def test_a_standby_that_is_expected_and_missing(login_url: str) -> None:
    found = await checked(login_url)
    assert found["standby"].state is State.OK
    found = await checked(login_url, Settings(standbys=1))
    assert found["standby"].state is State.FAILED
    assert "docs/operators/failover.md" in found["standby"].says


async def test_what_waits_and_what_was_given_up(login_url: str, database_url: str) -> None:
    clock = city_clock()
    async with open_platform(login_url, Clock()) as platform:
        platform.db.clock = clock
        await add_booking(platform)
        [[hospital_id]] = await ask(platform, "SELECT id FROM hospitals LIMIT 1")
        await set_webhook(platform, SYSTEM, hospital_id, "http://127.0.0.1:9/events", KINDS)
        await request_otp(platform, phone(9), LOOPBACK, "zh")
        late = "created_at = created_at - interval '5 minutes'"
        await change(platform, f"UPDATE messages SET {late}")
        await change(platform, "UPDATE hospital_webhooks SET probe_at = now()")
        held = "UPDATE messages SET held_until = now() + interval '1 hour' WHERE kind <> 'otp'"
        found = await checked(login_url)
        assert found["messages"].state is State.FAILED  # a person waits for the password
        assert "otp" in found["messages"].says
        assert found["hospitals"].state is State.WARNING
        await change(platform, held)
        await change(platform, "DELETE FROM messages WHERE kind = 'otp'")
        assert (await checked(login_url))["messages"].state is State.OK
        execute(
            database_url,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('default', 'try_policy', 'failed')",
            "INSERT INTO task_runs (name, first_at, succeeded_at, failed_at, error) VALUES"
            " ('purge', now() - interval '9 hours', now() - interval '9 hours', now(), 'KeyError')",
        )
        found = await checked(login_url)
        assert found["dead_letters"].state is State.WARNING
        assert found["tasks"].state is State.FAILED
        assert "Late: wake_pushers" in found["tasks"].says  # for nine hours none has run


async def test_an_old_backup_and_one_that_failed(login_url: str) -> None:
    production = Settings(mode="production")
    now = datetime.now().astimezone()
    run = BackupRun("backup", now - timedelta(hours=2), now - timedelta(hours=1), "ok", "", None, 9)
    verified = replace(run, kind="verify")
    async with open_platform(login_url, Clock()) as platform:
        async with platform.db.transaction() as tx:
            await backup_runs.record(tx, run)
            await backup_runs.record(tx, verified)
        found = await checked(login_url, production)
        assert found["backup"].state is found["backup_verified"].state is State.OK
        async with platform.db.transaction() as tx:
            late = replace(run, finished_at=now, outcome="failed", detail="no room")
            await backup_runs.record(tx, late)
        found = await checked(login_url, production)
        assert found["backup"].state is State.WARNING
        assert "no room" in found["backup"].says
        await change(platform, "UPDATE backup_runs SET started_at = now() - interval '9 days'")
        await change(platform, "UPDATE backup_runs SET finished_at = now() - interval '9 days'")
        found = await checked(login_url, production)
        assert found["backup"].state is found["backup_verified"].state is State.FAILED
        assert "docs/operators/restore.md" in found["backup"].says


async def test_production_with_the_demos_staff(login_url: str) -> None:
    async with open_platform(login_url, Clock()) as platform:
        await add_booking(platform)
        assert await add_demo_staff(platform)
    found = await checked(login_url, Settings(mode="production"))
    assert found["demo_staff"].state is State.FAILED
    assert (await checked(login_url))["demo_staff"].state is State.OK
