"""PostgreSQL, web processes and the worker are killed at random while people book."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.acceptance.processes import SECRET_KEY, Web, environment, guahao
from tests.faults.conftest import LONG_FORM, Figures, Record
from tests.faults.harness.load import UNLIMITED, Load, booking_requests, looking, verdict

from guahao.embedded import EmbeddedServer
from guahao.store.kernel.migrate import migrate

pytestmark = pytest.mark.skipif(not LONG_FORM, reason="for the long form")
ROUNDS = int(os.environ.get("GUAHAO_FAULTS_CRASHES", "30"))
CONTROL_ROUNDS = 5


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A durable server of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="guahao-crashes-"))
    server = EmbeddedServer(folder / "postgres")
    server.start()
    migrate(server.ensure_database("guahao"))
    yield server
    server.stop()
    shutil.rmtree(folder)


def crash(server: EmbeddedServer) -> None:
    """Kill every process of the server at once: what was only in memory is gone."""
    pid = server.pid()
    assert pid is not None
    postmaster = psutil.Process(pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, 60)


class Processes:
    """Two web processes and a worker, as systemd keeps them: what dies starts again."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.webs = [Web(env), Web(env)]
        self.worker = self._run("worker")

    def _run(self, *words: str, **settings: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "guahao", *words]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env={**self.env, **settings}, stdout=quiet, stderr=quiet)

    def kill_web(self) -> None:
        web = random.choice(self.webs)
        web.kill()
        web.process = self._run("serve", GUAHAO_PORT=str(web.port))
        web.wait_until_ready()

    def kill_worker(self) -> None:
        self.worker.kill()
        self.worker.wait()
        self.worker = self._run("worker")

    def stop(self) -> None:
        for web in self.webs:
            if web.process.poll() is None:
                web.kill()
        self.worker.kill()
        self.worker.wait()


@pytest.fixture
def processes(server: EmbeddedServer, tmp_path: Path) -> Iterator[Processes]:
    started = Processes({**environment(server.url("guahao"), tmp_path), **UNLIMITED})
    for web in started.webs:
        web.wait_until_ready()
    yield started
    started.stop()


async def test_kills_at_random_lose_and_double_nothing(
    server: EmbeddedServer, processes: Processes, record: Record
) -> None:
    after = []

    def one_kill() -> bool:
        """Kill something, and start it again; whether it was the database."""
        chosen = random.choice(("database", "database", "web", "worker"))
        if chosen == "web":
            processes.kill_web()
        elif chosen == "worker":
            processes.kill_worker()
        else:
            crash(server)
            server.start()
        return chosen == "database"

    async with looking(server.url("guahao"), SECRET_KEY) as platform:
        people = await booking_requests(platform, 200 * ROUNDS)
        load = Load([web.base for web in processes.webs], people)
        async with load.running():
            for _ in range(ROUNDS):
                await load.more(random.randrange(5, 60))
                is_database = await asyncio.to_thread(one_kill)
                begun = time.monotonic()  # the server is back
                await load.more(20)
                if is_database:
                    after.append(load.first_after(begun))
        found = await verdict(platform, load)
    audit = await asyncio.to_thread(guahao, "audit", env=processes.env)
    record(
        Figures(
            "database, web or worker killed",
            ROUNDS,
            found.acknowledged,
            found.lost,
            found.doubled,
            load.longest_wait_seconds,
            max(after, default=None),
        )
    )
    assert (found.lost, found.doubled) == (0, 0)
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def test_the_same_without_durable_commits_is_caught(
    server: EmbeddedServer, processes: Processes, record: Record
) -> None:
    """The control: commits that are acknowledged before they are on the disk are lost."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET synchronous_commit = off")
        conn.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        conn.execute("SELECT pg_reload_conf()")
    rounds = 0
    async with looking(server.url("guahao"), SECRET_KEY) as platform:
        load = Load([web.base for web in processes.webs], await booking_requests(platform, 1000))
        found = await verdict(platform, load)
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute("CHECKPOINT")  # who books, and their log-ins, are there for good
        async with load.running():
            while found.lost == 0 and rounds < CONTROL_ROUNDS:
                rounds += 1
                await load.more(60)
                await asyncio.to_thread(crash, server)
                await asyncio.to_thread(server.start)
                await load.more(20)
                found = await verdict(platform, load)
    record(
        Figures(
            "control: database killed, synchronous_commit off",
            rounds,
            found.acknowledged,
            found.lost,
            found.doubled,
            load.longest_wait_seconds,
            None,
            "lost, as the control must" if found.lost else "FAILED: nothing was lost",
        )
    )
    assert found.lost > 0
