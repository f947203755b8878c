"""A synchronous standby is lost: doctor, metrics and alerts hear of it although commits wait."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.city import Clock, open_platform
from tests.faults.network import until

from guahao.clock import city_clock
from guahao.embedded import EmbeddedServer, program
from guahao.flows.operations import doctor
from guahao.flows.operations.observing import observe
from guahao.rules.operations.checks import Check, State
from guahao.settings import Settings
from guahao.store.vault import Vault
from guahao.web.health import all_metrics

NAME = "standby_of_the_tests"


def alter(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@contextmanager
def receiving(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What confirms every commit, as a synchronous standby does."""
    command = [str(program("pg_receivewal")), "--synchronous", "--no-loop", "-D", str(folder)]
    process = subprocess.Popen([*command, "-d", f"{url}&application_name={NAME}"])
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


def metrics(platform: object) -> str:
    return all_metrics(platform)[0].decode()  # type: ignore[arg-type]


def no_longer(url: str) -> bool:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT count(*) FROM pg_stat_replication").fetchone() == (0,)
