"""A worker process is killed or stopped around the sending of a message, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.city import LOOPBACK, MONDAY_MORNING, Clock, add_booking, ask, change, phone
from tests.city import open_platform as open_city
from tests.conftest import SOURCES

from guahao.clock import city_clock
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.notices.aliyun import VARIABLES
from guahao.tools.stand_ins.aliyun import CALL_LOST, KEY_ID, KEY_SECRET, Trouble, serving
from guahao.tools.stand_ins.sms import StandIn

PATIENCE_SECONDS = 90
BEGUN = time.time()
CITY = city_clock(MONDAY_MORNING, BEGUN)


class Running(Clock):
    """The clock that all processes of these tests share."""

    def __call__(self) -> object:  # type: ignore[override]
        return CITY()


class Gated(StandIn):
    """A provider whose requests wait before they are taken, or before they are answered."""

    def __init__(self) -> None:
        super().__init__()  # it files by its own clock, the real one
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.afterwards = Trouble()  # what becomes of a request that waited at the gate

    def next_trouble(self, action: str) -> Trouble:
        trouble = super().next_trouble(action)
        if not self.gate.is_set():
            self.arrived.set()
            self.gate.wait(PATIENCE_SECONDS)
            return self.afterwards
        return trouble


@pytest.fixture
def provider() -> Iterator[Gated]:
    stand_in = Gated()
    yield stand_in
    stand_in.gate.set()


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_city(database_url, Running()) as platform:
        yield platform


@contextmanager
def worker(database_url: str, endpoint: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`guahao worker` with the provider at this address; killed at the end."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATABASE_URL": database_url,
        "GUAHAO_DATA_DIR": str(folder),
        "GUAHAO_SECRET_KEY": "a secret key of the tests, long enough",
        "GUAHAO_CLOCK_START": MONDAY_MORNING.isoformat(),
        "GUAHAO_CLOCK_BEGUN": repr(BEGUN),
        "GUAHAO_SMS_GATEWAY": "aliyun",
        "GUAHAO_ALIYUN_ENDPOINT": endpoint,
        "GUAHAO_ALIYUN_ACCESS_KEY_ID": KEY_ID,
        "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": KEY_SECRET,
        "GUAHAO_ALIYUN_SIGN_NAME": "安澜挂号",
        "GUAHAO_ALIYUN_TEMPLATES": json.dumps({kind: f"SMS_{kind}" for kind in VARIABLES}),
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "guahao", "worker"], env=environ, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)


async def until_sent(platform: Platform) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ask(platform, "SELECT state FROM messages") != [("submitted",)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def end_lease(platform: Platform) -> None:
    """As a minute later, when also the dead worker's heartbeat is too old."""
    await change(
        platform,
        "UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 minute'",
    )
    await change(
        platform, "UPDATE messages SET due_at = %s - interval '1 minute'", platform.db.clock()
    )


LONG = pytest.mark.skipif("GUAHAO_FAULTS_LONG" not in os.environ, reason="for the long form")


@pytest.mark.parametrize(
    "taken", [pytest.param(False, marks=LONG, id="before"), pytest.param(True, id="after")]
)
async def test_a_worker_killed_around_a_send_doubles_and_loses_nothing(
    database_url: str, tmp_path: Path, platform: Platform, provider: Gated, taken: bool
) -> None:
    """It dies while its request is on its way, and while the answer is."""
    with serving(provider) as endpoint:
        if taken:
            provider.trouble("SendSms", Trouble(seconds=PATIENCE_SECONDS))
        else:
            provider.gate.clear()
            provider.afterwards = CALL_LOST
        await add_booking(platform)
        with worker(database_url, endpoint, tmp_path) as first:
            arrived = (lambda: bool(provider.accepted)) if taken else provider.arrived.is_set
            await until(arrived)
            first.kill()
            first.wait()
        provider.gate.set()
        assert await ask(platform, "SELECT state, attempts FROM messages") == [("queued", 1)]
        await end_lease(platform)
        with worker(database_url, endpoint, tmp_path):
            await until_sent(platform)
    assert len(provider.accepted) == 1
    sends = provider.calls.count("SendSms")
    assert (sends, provider.calls.count("QuerySendDetails")) == ((1, 1) if taken else (2, 1))


@LONG
async def test_a_zombie_sends_nothing_that_another_worker_has_sent(
    database_url: str, tmp_path: Path, platform: Platform, provider: Gated
) -> None:
    """Stopped while it looks a message up; meanwhile its lease ends and another sends it."""
    with serving(provider) as endpoint:
        await request_otp(platform, phone(1), LOOPBACK, "zh")
        await change(platform, "UPDATE messages SET attempts = 1, due_at = %s", platform.db.clock())
        provider.gate.clear()
        with worker(database_url, endpoint, tmp_path) as zombie:
            await until(provider.arrived.is_set)
            zombie.send_signal(signal.SIGSTOP)
            provider.gate.set()
            with worker(database_url, endpoint, tmp_path):
                await until_sent(platform)  # when the lease is over, by itself
                zombie.send_signal(signal.SIGCONT)
                log = tmp_path / "log"
                await until(
                    lambda: any(
                        word in log.read_text()
                        for word in ("message_lease_over", "message_unanswered")
                    )
                )
    assert len(provider.accepted) == 1
