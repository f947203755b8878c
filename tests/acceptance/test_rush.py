"""Release day: two hundred callers at once, over two server processes, and kill -9."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.acceptance.processes import SECRET_KEY, Web, environment, guahao, web_processes
from tests.city import ask
from tests.crowd import Person, add_clinic, add_crowd, count

from guahao.clock import city_clock
from guahao.embedded import EmbeddedServer
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.settings import Settings
from guahao.store.kernel.db import Database
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.vault import Vault
from guahao.store.policy.policy_book import PolicyBook
from guahao.tools.bench.queries import LOGINS
from guahao.web_process import token_issuer


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A durable server of its own: it is going to be killed."""
    folder = Path(tempfile.mkdtemp(prefix="guahao-rush-"))
    server = EmbeddedServer(folder / "postgres")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Platform]:
    """The platform as a test looks at it, with the key of the processes."""
    platform = Platform(
        Database(url, city_clock(), max_size=4), Vault(SECRET_KEY), PolicyBook(Policy()), Settings()
    )
    await platform.db.open()
    try:
        yield platform
    finally:
        await platform.db.close()


@dataclass(frozen=True)
class Caller:
    """A person with a token, at one of the doors."""

    person: Person
    token: str
    session_id: int

    async def book(self, client: httpx.AsyncClient, base: str, key: str = "") -> httpx.Response:
        return await client.post(
            f"{base}/api/v1/appointments",
            headers={
                "Authorization": f"Bearer {self.token}",
                "Idempotency-Key": key or f"rush-{self.person.patient_id}",
            },
            json={"clinic_session_id": self.session_id, "patient_id": self.person.patient_id},
        )


async def callers(platform: Platform, number: int, capacity: int) -> list[Caller]:
    """As many persons, all with the same session in mind."""
    soon = (datetime.now(CITY_TIME) + timedelta(days=3)).date()
    [session_id] = await add_clinic(platform, [soon], capacity)
    issue = token_issuer(platform)
    crowd = await add_crowd(platform, number)
    async with platform.db.transaction() as tx:
        await tx.do(LOGINS, (tx.now, tx.now, tx.now, tx.now))
    return [Caller(person, issue(person.account_id), session_id) for person in crowd]


def answer_of(response: httpx.Response) -> str:
    return "booked" if response.status_code == 201 else str(response.json()["code"])


def assert_audit_is_clean(env: dict[str, str]) -> None:
    audit = guahao("audit", env=env)
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def test_two_processes_sell_a_session_of_twenty_exactly_once(
    database_url: str, tmp_path: Path
) -> None:
    env = environment(database_url, tmp_path)
    async with looking(database_url) as platform, httpx.AsyncClient(timeout=60) as client:
        rushing = await callers(platform, 200, capacity=20)
        with web_processes(env, 2) as doors:
            responses = await asyncio.gather(
                *(one.book(client, doors[i % 2].base) for i, one in enumerate(rushing))
            )
        assert Counter(map(answer_of, responses)) == {"booked": 20, "sold_out": 180}
        assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(20,)]
    assert_audit_is_clean(env)


async def test_ten_retries_at_two_processes_get_ten_identical_answers(
    database_url: str, tmp_path: Path
) -> None:
    env = environment(database_url, tmp_path)
    async with looking(database_url) as platform, httpx.AsyncClient(timeout=60) as client:
        [caller] = await callers(platform, 1, capacity=5)
        with web_processes(env, 2) as doors:
            responses = await asyncio.gather(
                *(caller.book(client, doors[i % 2].base, "the-same") for i in range(10))
            )
        assert {response.status_code for response in responses} == {201}
        assert len({response.content for response in responses}) == 1
        assert await count(platform, "appointments") == 1
    assert_audit_is_clean(env)


async def rush(
    rushing: list[Caller], doors: list[Web], acknowledged: dict[int, str], stop: asyncio.Event
) -> None:
    """Everybody books, again under the same key until answered or until all is over."""

    async def insist(client: httpx.AsyncClient, caller: Caller, door: Web) -> None:
        while not stop.is_set():
            try:
                response = await caller.book(client, door.base)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if response.status_code == 201:
                acknowledged[caller.person.patient_id] = response.json()["code"]
                return
            await asyncio.sleep(0.05)

    async with httpx.AsyncClient(timeout=20) as client:
        await asyncio.gather(
            *(insist(client, one, doors[i % len(doors)]) for i, one in enumerate(rushing))
        )


async def until_acknowledged(acknowledged: dict[int, str], number: int) -> None:
    async with asyncio.timeout(60):
        while len(acknowledged) < number:  # noqa: ASYNC110 - filled by many tasks
            await asyncio.sleep(0.002)


async def recorded(platform: Platform) -> dict[int, str]:
    rows = await ask(
        platform, "SELECT patient_id, id, code_enc FROM appointments WHERE status = 'booked'"
    )
    codes = {
        patient_id: platform.vault.open("appointments", "code", id, sealed)
        for patient_id, id, sealed in rows
    }
    assert len(rows) == len(codes), "a person was booked twice"
    return codes


async def test_kill_9_of_a_server_in_a_rush_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path
) -> None:
    env = environment(database_url, tmp_path)
    acknowledged: dict[int, str] = {}
    async with looking(database_url) as platform:
        rushing = await callers(platform, 400, capacity=1000)
        with web_processes(env, 2) as doors:
            stop = asyncio.Event()
            rushed = asyncio.create_task(rush(rushing, doors, acknowledged, stop))
            await until_acknowledged(acknowledged, 30)
            await asyncio.to_thread(doors[0].kill)
            await until_acknowledged(acknowledged, 200)
            stop.set()
            await rushed
            there = await recorded(platform)
            assert acknowledged.items() <= there.items()
            # Who was cut off asks again under the same key, at the door that is left.
            stop.clear()
            await rush(rushing, doors[1:], acknowledged, stop)
        assert await recorded(platform) == acknowledged
        assert len(acknowledged) == 400
        assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(400,)]
    assert_audit_is_clean(env)


async def test_kill_9_of_postgresql_in_a_rush_loses_and_doubles_nothing(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    url = server.ensure_database("rush")
    migrate(url)
    env = environment(url, tmp_path)
    acknowledged: dict[int, str] = {}
    async with looking(url) as platform:
        rushing = await callers(platform, 400, capacity=1000)
    with web_processes(env, 1) as doors:
        rushed = asyncio.create_task(rush(rushing, doors, acknowledged, asyncio.Event()))
        await until_acknowledged(acknowledged, 50)
        postmaster = server.pid()
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        before = dict(acknowledged)
        await asyncio.to_thread(server.start)
        await rushed
    async with looking(url) as platform:
        assert await recorded(platform) == acknowledged
        assert before.items() <= acknowledged.items()
        assert len(acknowledged) == 400
        assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(400,)]
    assert_audit_is_clean(env)


async def test_sigterm_in_a_rush_answers_all_that_was_taken(
    database_url: str, tmp_path: Path
) -> None:
    env = environment(database_url, tmp_path)
    acknowledged: dict[int, str] = {}
    async with looking(database_url) as platform:
        rushing = await callers(platform, 300, capacity=1000)
        with web_processes(env, 1) as doors:
            stop = asyncio.Event()
            rushed = asyncio.create_task(rush(rushing, doors, acknowledged, stop))
            await until_acknowledged(acknowledged, 30)
            assert await asyncio.to_thread(doors[0].stop) == 0
            stop.set()
            await rushed
        assert await recorded(platform) == acknowledged
    assert_audit_is_clean(env)
