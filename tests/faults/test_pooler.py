"""PgBouncer between the platform and PostgreSQL: tenancy stands, or the start is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import conninfo
from tests.city import Clock, add_session, ask, open_platform
from tests.crowd import add_clinic, add_crowd, book, open_desk
from tests.store.kernel.test_roles import with_login

from guahao.store.kernel.db import Database, RolesError
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.views import AppointmentView

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        PGBOUNCER is None,
        reason="pgbouncer is not installed (Debian, Ubuntu: apt-get install pgbouncer)",
    ),
]
SESSION = "SELECT current_user::text, current_setting('TimeZone')"
CONFIGURATION = """
[databases]
city = host={host} port={port} dbname={dbname} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 12
ignore_startup_parameters = options, extra_float_digits
"""


@contextmanager
def pgbouncer(url: str, mode: str) -> Iterator[str]:
    """PgBouncer in front of a database, as Debian's package brings it; its URL."""
    assert PGBOUNCER is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = free.getsockname()[1]
    params = conninfo.conninfo_to_dict(url)
    server = {"host": params.get("host"), "port": params.get("port", 5432)}
    database = {"dbname": params["dbname"], "user": params["user"]}
    with TemporaryDirectory(prefix="guahao-pgbouncer-") as folder:
        # Not as root; as the server's own user, which may pass to its socket.
        user = (
            Path(str(server["host"])).owner() if str(server["host"]).startswith("/") else "nobody"
        )
        file = Path(folder, "pgbouncer.ini")
        file.write_text(CONFIGURATION.format(**server, **database, listen=listen, mode=mode))
        Path(folder).chmod(0o755)
        as_other = ["--user", user] if os.geteuid() == 0 else []
        process = subprocess.Popen([PGBOUNCER, "-q", *as_other, str(file)])
        try:
            through = f"postgresql://{params['user']}@127.0.0.1:{listen}/city?sslmode=disable"
            wait_for(through, process)
            yield through
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2).close()
            return
        time.sleep(0.05)
    pytest.fail("PgBouncer ended")


@pytest.fixture
def login_url(database_url: str) -> str:
    url = with_login(database_url)
    migrate(database_url, application_url=url)
    return url


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_login_without_the_role_is_refused_behind_a_pooler_that_drops_options(
    database_url: str, mode: str
) -> None:
    """The superuser's login stands for any that no migration has prepared."""
    with pgbouncer(database_url, mode) as url:
        database = Database(url, Clock())
        with pytest.raises(RolesError, match="instead of guahao_app"):
            await database.open()


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_login_of_our_migration_works_behind_a_pooler_with_tenancy_on(
    login_url: str, mode: str
) -> None:
    with pgbouncer(login_url, mode) as url:
        await books_and_sees_its_own(url, prepared=mode == "session")


async def books_and_sees_its_own(url: str, *, prepared: bool) -> None:
    """Book for twenty at once, and read as two hospitals: each sees its own bookings."""
    async with (
        open_platform(url, Clock(), prepared=prepared) as platform,
        open_desk(platform) as desk,
    ):
        await platform.db.check_roles()
        sessions = await add_clinic(platform)
        hospital_id = (await ask(platform, "SELECT hospital_id FROM clinic_sessions"))[0][0]
        await add_session(platform)
        crowd = await add_crowd(platform, 20)
        answers = await asyncio.gather(*(book(desk, one, sessions[0]) for one in crowd))
        assert all(isinstance(answer, AppointmentView) for answer in answers)

        async def visible(hospital: int) -> int:
            async with platform.db.transaction(hospital_id=hospital) as tx:
                return len(await tx.rows("SELECT FROM appointments"))

        seen = await asyncio.gather(*(visible(hospital_id + n % 2) for n in range(40)))
        assert seen == [20, 0] * 20
        roles = await asyncio.gather(
            *(ask(platform, SESSION) for _ in range(20)),
        )
        assert {row for [row] in roles} == {("guahao_app", "Asia/Shanghai")}
