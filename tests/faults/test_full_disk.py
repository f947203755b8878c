"""The disk of `guahao up` is full: nothing acknowledged is lost, and it comes back by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.acceptance.ports import free_port
from tests.city import add_session, ask
from tests.conftest import SOURCES
from tests.crowd import open_desk
from tests.faults.harness.disks import fill, small_disk
from tests.faults.test_killed_parts import Everything
from tests.web.site import ENGLISH, Citizen, Site, add_citizen, problem

from guahao import wiring
from guahao.rules.kernel.limits import CITY_TIME
from guahao.settings import read_settings
from guahao.store.kernel.db import LOGIN_ROLE, DatabaseState
from guahao.store.kernel.pulse import Pulse
from guahao.tools.audit.audit import audit
from guahao.web.app import create_app

pytestmark = pytest.mark.faults
PATIENCE_SECONDS = 120
DISK_MEGABYTES = 220


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="guahao-full-") as parent:
        Path(parent).chmod(0o711)
        disk = Path(parent) / "disk"
        with small_disk(disk, DISK_MEGABYTES):
            yield disk


async def test_bookings_go_on_by_themselves_once_there_is_space(folder: Path) -> None:
    everything = await asyncio.to_thread(Everything, folder)
    try:
        await asyncio.to_thread(everything.wait)
        settings = read_settings(everything.environ)
        url = everything.server.url("guahao", LOGIN_ROLE)
        async with (
            wiring.open_platform(settings, url) as platform,
            open_desk(platform) as desk,
            Pulse(platform.db).kept(),
        ):
            site = Site(create_app(platform, desk), platform)
            await through_a_full_disk(everything, site, folder / "filler")
    finally:
        everything.up.terminate()
        everything.up.wait(PATIENCE_SECONDS)
        everything.server.stop()


async def through_a_full_disk(up: Everything, site: Site, filler: Path) -> None:
    day = datetime.now(CITY_TIME).date() + timedelta(days=7)
    session = await add_session(site.platform, day)
    citizens = [await add_citizen(site, number) for number in range(701, 704)]
    acknowledged = {await booked(site, citizens[0], session)}
    parts = up.parts()
    fill(filler, 0)
    # What is small fits into the log's segment at hand; the next one is not to be had.
    with suppress(psycopg.Error):
        async with await psycopg.AsyncConnection.connect(
            up.server.url("postgres"), autocommit=True
        ) as conn:
            for _ in range(50):
                await conn.execute("SELECT pg_logical_emit_message(false, '', 'x')")
                await conn.execute("SELECT pg_switch_wal()")
    await until(lambda: site.platform.db.state is DatabaseState.AWAY)
    answer = await site.book(citizens[1], session, key="k", headers=ENGLISH)
    assert "nothing was booked" in problem(answer, 503, "booking_unavailable")
    await until(lambda: not up.is_ready())
    await until(lambda: "postgres is full. Nothing that was acknowledged" in up.log.read_text())
    assert up.parts() == parts  # the web and the worker wait
    await asyncio.to_thread(filler.unlink)
    await until(lambda: site.platform.db.state is DatabaseState.ALIVE)
    acknowledged.add(await booked(site, citizens[1], session, key="k"))
    acknowledged.add(await booked(site, citizens[2], session))
    await asyncio.to_thread(up.wait)
    assert up.parts() == parts
    wanted = "SELECT id FROM appointments WHERE clinic_session_id = %s"
    assert {id for (id,) in await ask(site.platform, wanted, session)} == acknowledged
    # At night they wait for the morning, by the policy's quiet hours.
    queued = "SELECT count(*) FROM messages WHERE state = 'queued' AND held_until IS NULL"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ask(site.platform, queued) != [(0,)]:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)
    result = await audit(site.platform)
    assert [finding.name for finding in result.findings if finding.disagreements] == []


async def booked(site: Site, citizen: Citizen, session: int, key: str | None = None) -> int:
    answer = await site.book(citizen, session, key=key)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.05)


def test_a_start_on_a_full_disk_is_one_sentence(folder: Path) -> None:
    environ = {
        **os.environ,
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATA_DIR": str(folder),
        "GUAHAO_PORT": str(free_port()),
    }
    fill(folder / "filler", 0)
    started = subprocess.run(
        [sys.executable, "-m", "guahao", "up"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert started.returncode == 2
    assert f"guahao: the disk of {folder}/postgres is full" in started.stderr
    assert "Traceback" not in started.stderr
