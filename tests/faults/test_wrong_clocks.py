"""A process whose clock is wrong does nothing, and says so; the others go on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_booking,
    add_patient,
    ask,
    open_platform,
    phone,
)
from tests.conftest import SOURCES
from tests.crowd import add_clinic, open_desk

from guahao.clock import ClockWatch, city_clock
from guahao.flows.attendance import penalties
from guahao.flows.booking.desk import NotBooked
from guahao.flows.kernel.clocks import comparing_clocks
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.flows.policy import policies
from guahao.notices.outbox import OutboxGateway
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import Policy
from guahao.store.kernel.db import ClockError, Row
from guahao.web.app import create_app
from guahao.worker import run_worker

PATIENCE_SECONDS = 60
RIGHT = city_clock()


class Shifted(Clock):
    """The city's clock, so much ahead."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return RIGHT() + self.ahead


# Messages wait for no morning, whenever this runs.
NEVER_QUIET = Policy(quiet_from=time(0), quiet_until=time(0))


@asynccontextmanager
async def watched(database_url: str, ahead: timedelta) -> AsyncIterator[Platform]:
    """A process's platform whose clock is so much ahead of the database's."""
    clock = Shifted()
    clock.ahead = ahead
    async with open_platform(database_url, clock, policy=NEVER_QUIET) as platform:
        platform.db.watch = ClockWatch(clock, RIGHT.at, 2.0)
        await platform.db.compare_clocks()
        yield platform


async def until(platform: Platform, query: str, rows: list[Row]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ask(platform, query) != rows:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)


WRONG = [timedelta(days=5), timedelta(days=3), timedelta(hours=-2), timedelta(seconds=4)]


@pytest.mark.parametrize("ahead", WRONG)
async def test_a_wrong_clock_settles_closes_and_books_nothing(
    database_url: str, ahead: timedelta
) -> None:
    days = [RIGHT().date() + timedelta(days=n) for n in (1, 2)]
    async with watched(database_url, timedelta(0)) as platform:
        sessions = await add_clinic(platform, days)
        account_id = await add_account(platform)
        patient = await add_patient(platform, account_id)
    async with watched(database_url, ahead) as platform, open_desk(platform) as desk:
        for act in (penalties.sweep, penalties.retire_codes, policies.begin):
            with pytest.raises(ClockError):
                await act(platform)
        with pytest.raises(ClockError):
            await request_otp(platform, phone(2), LOOPBACK, "zh")
        answer = await desk.book(
            Actor("account", account_id), "key", patient.id, sessions[1], "web"
        )
        assert isinstance(answer, NotBooked)
        await platform.policies.refresh(platform.db)  # as a page does
    async with watched(database_url, timedelta(0)) as platform:
        assert await ask(platform, "SELECT id FROM appointments") == []
        assert (
            await ask(platform, "SELECT id FROM clinic_sessions WHERE settled_at IS NOT NULL") == []
        )
        assert await ask(platform, "SELECT closed_until > %s FROM policy_days", days[0]) == [
            (False,)
        ]
        async with open_desk(platform) as desk:
            again = await desk.book(
                Actor("account", account_id), "key", patient.id, sessions[1], "web"
            )
        assert not isinstance(again, NotBooked)


async def test_a_process_with_a_wrong_clock_is_not_ready_and_says_why(database_url: str) -> None:
    async with watched(database_url, timedelta(0)) as platform, open_desk(platform) as desk:
        transport = httpx.ASGITransport(create_app(platform, desk))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/health/ready")).status_code == 200
            assert isinstance(platform.db.clock, Shifted)
            platform.db.clock.ahead = timedelta(seconds=3)
            answer = await client.get("/health/ready")
            assert answer.status_code == 503
            assert (await client.get("/health/live")).status_code == 200
            platform.db.clock.ahead = timedelta(0)
            assert (await client.get("/health/ready")).status_code == 200


async def test_a_worker_whose_clock_goes_wrong_takes_nothing_until_it_is_right(
    database_url: str,
) -> None:
    async with (
        watched(database_url, timedelta(days=5)) as wrong,
        watched(database_url, timedelta(0)) as right,
    ):
        gateway = OutboxGateway(wrong.db, wrong.vault)
        with capture_logs() as logs:
            async with comparing_clocks(wrong.db):
                worker = asyncio.create_task(run_worker(wrong, gateway))
                try:
                    await add_booking(right)
                    await run_worker(right, OutboxGateway(right.db, right.vault), wait=False)
                    assert await ask(right, "SELECT state FROM messages") == [("delivered",)]
                    assert await ask(right, "SELECT id FROM procrastinate_workers") == []
                    assert isinstance(wrong.db.clock, Shifted)
                    wrong.db.clock.ahead = timedelta(0)
                    await add_booking(right, 2)
                    await until(right, "SELECT state FROM messages", [("delivered",)] * 2)
                    # And wrong again while it works: the generation ends.
                    wrong.db.clock.ahead = timedelta(hours=-2)
                    await until(right, "SELECT id FROM procrastinate_workers", [])
                finally:
                    worker.cancel()
                    await asyncio.gather(worker, return_exceptions=True)
        assert "worker_restarts" in [entry["event"] for entry in logs]


# A whole process whose machine's clock is five days ahead.
FIVE_DAYS_AHEAD = """
import sys, time
real = time.time
time.time = lambda: real() + 5 * 24 * 3600
from guahao.cli import main
sys.argv = ["guahao", "worker"]
main()
"""


async def test_a_worker_process_five_days_ahead_does_nothing_and_says_so(
    database_url: str, tmp_path: Path
) -> None:
    async with watched(database_url, timedelta(0)) as platform:
        await add_booking(platform)
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCES,
            "GUAHAO_DATABASE_URL": database_url,
            "GUAHAO_DATA_DIR": str(tmp_path),
            "GUAHAO_SECRET_KEY": "a secret key of the tests, long enough",
        }
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-c", FIVE_DAYS_AHEAD], env=environ, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while "clock_wrong" not in (tmp_path / "log").read_text():
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    await asyncio.sleep(0.05)
        finally:
            process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert "432000" in (tmp_path / "log").read_text().replace("431999", "432000")
        assert await ask(platform, "SELECT state, attempts FROM messages") == [("queued", 0)]
