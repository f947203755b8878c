"""A synchronous standby is lost: doctor, metrics and alerts hear of it although commits wait."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.databases import with_database
from tests.faults.harness.network import until

from guahao.clock import city_clock
from guahao.embedded import EmbeddedServer, program
from guahao.flows.operations import doctor
from guahao.flows.operations.observing import observe
from guahao.rules.operations.checks import Check, State
from guahao.settings import Settings
from guahao.store.kernel.vault import Vault
from guahao.web.monitoring.health import all_metrics

NAME = "standby_of_the_tests"


def alter(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@contextmanager
def receiving(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What confirms every commit, as a synchronous standby does."""
    command = [str(program("pg_receivewal")), "--synchronous", "--no-loop", "-s", "1"]
    process = subprocess.Popen(
        [*command, "-D", str(folder), "-d", f"{url}&application_name={NAME}"]
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def standby(url: str) -> Check:
    settings, vault = Settings(standbys=1), Vault("a secret key of the tests, long enough")
    found = await doctor.examine(settings, url, vault, city_clock(), None)
    return next(check for check in found if check.name == "standby")


async def test_a_lost_standby_is_told_while_commits_wait_for_it(
    mortal_url: str, mortal_server: EmbeddedServer, tmp_path: Path
) -> None:
    admin = mortal_server.url("postgres")
    with receiving(admin, tmp_path) as process:
        alter(
            admin,
            f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'",
            "SELECT pg_reload_conf()",
        )
        try:

            async def is_well() -> bool:
                return (await standby(mortal_url)).state is State.OK

            await until(is_well)
            found = await standby(mortal_url)
            assert found.figures["synchronous"] == 1
            async with open_platform(mortal_url, Clock()) as platform:
                await observe(platform, every_seconds=0)
                assert "guahao_replication_synchronous_standbys 1.0" in metrics(platform)
                process.kill()
                process.wait()
                await until(lambda: no_longer(admin))
                async with asyncio.timeout(30):
                    await observe(platform, every_seconds=0)  # its own row waits for nobody
                assert "guahao_replication_synchronous_standbys 0.0" in metrics(platform)
            found = await standby(mortal_url)
            assert found.state is State.FAILED
            assert "docs/operators/failover.md" in found.says
        finally:
            alter(admin, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


async def test_where_the_owner_may_not_see_standbys_the_check_is_unknown(
    mortal_url: str, mortal_server: EmbeddedServer, tmp_path: Path
) -> None:
    alter(
        mortal_url,
        "ALTER FUNCTION operations_standbys() OWNER TO guahao_app",
        "ALTER FUNCTION operations_wal_bytes() OWNER TO guahao_app",
    )
    with receiving(mortal_server.url("postgres"), tmp_path):

        async def is_unknown() -> bool:
            return (await standby(mortal_url)).state is State.UNKNOWN

        await until(is_unknown)
        assert "GRANT pg_monitor" in (await standby(mortal_url)).says
        async with open_platform(mortal_url, Clock()) as platform:
            await observe(platform, every_seconds=0)
            assert "guahao_replication_synchronous_standbys 0" not in metrics(platform)
            assert "guahao_replication_primary 1.0" in metrics(platform)


async def test_a_receiver_of_the_log_that_keeps_up_is_not_behind(
    mortal_url: str, mortal_server: EmbeddedServer, tmp_path: Path
) -> None:
    with receiving(mortal_server.url("postgres"), tmp_path):

        async def keeps_up() -> bool:
            with psycopg.connect(mortal_url) as conn:
                row = conn.execute(
                    "SELECT replay_lag > '1 s'"
                    " AND lag_seconds < extract(epoch FROM replay_lag) / 2"
                    " FROM pg_stat_replication, operations_standbys()"
                ).fetchone()
            return row == (True,)

        await until(keeps_up)


@pytest.fixture
def replica(mortal_server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A standby of the mortal server."""
    parent = Path(tempfile.mkdtemp(prefix="guahao-replica-"))
    server = EmbeddedServer(parent / "postgres", durable=False)
    server._prepare_folder()
    copy = ("--dbname", mortal_server.url("postgres"), "--write-recovery-conf", "-c", "fast", "-N")
    server._run("pg_basebackup", *copy)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(parent)


async def test_a_url_that_leads_to_a_replica(mortal_url: str, replica: EmbeddedServer) -> None:
    settings, vault = Settings(), Vault("a secret key of the tests, long enough")
    url = with_database(replica.url("postgres"), urlsplit(mortal_url).path[1:])
    found = {
        check.name: check
        for check in await doctor.examine(settings, url, vault, city_clock(), None)
    }
    assert found["primary"].state is State.FAILED
    assert "docs/operators/failover.md" in found["primary"].says
    assert found["standby"].state is State.UNKNOWN
    assert found["schema"].state is found["messages"].state is State.OK
    async with open_platform(url, Clock()) as platform:
        with psycopg.connect(mortal_url, autocommit=True) as conn:
            conn.execute("UPDATE observations SET claimed_at = '-infinity'")
        await observe(platform)  # cannot write down what it measures, and does not fail


def metrics(platform: object) -> str:
    return all_metrics(platform)[0].decode()  # type: ignore[arg-type]


def no_longer(url: str) -> bool:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT count(*) FROM pg_stat_replication").fetchone() == (0,)
