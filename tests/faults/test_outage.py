"""While no primary answers: everybody is told so at once, at every door, and it ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.acceptance.processes import Web, environment
from tests.city import Clock, add_session, ask, open_platform
from tests.crowd import count, open_desk
from tests.faults.harness.network import Network, network_to, until
from tests.web.browsing import Reader
from tests.web.site import ENGLISH, Citizen, Site, add_citizen, has_chinese, problem

from guahao.store.kernel.db import DatabaseState
from guahao.store.kernel.pulse import Pulse
from guahao.web.app import create_app

pytestmark = pytest.mark.faults
PATIENCE_SECONDS = 30


@dataclass
class City:
    site: Site
    network: Network
    citizen: Citizen
    session_id: int

    async def turns(self, state: DatabaseState) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await until(lambda: self.site.platform.db.state is state)

    async def reader(self, language: str) -> Reader:
        """The citizen's browser, with the form of the booking."""
        reader = Reader.of(self.site, language=language)
        reader.client.cookies.set("session", self.citizen.token, domain="guahao.test", path="/")
        await reader.go(f"/book/{self.session_id}")
        return reader


@pytest.fixture
async def city(database_url: str) -> AsyncIterator[City]:
    async with (
        network_to(database_url) as network,
        open_platform(network.url, Clock()) as platform,
        open_desk(platform) as desk,
        Pulse(platform.db).kept(),
    ):
        site = Site(create_app(platform, desk), platform)
        yield City(site, network, await add_citizen(site), await add_session(platform))


async def test_a_silent_primary_is_noticed_and_what_waits_for_it_is_answered(city: City) -> None:
    ready = await city.site.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["reasons"] == []
    city.network.fall_silent()
    reading = asyncio.ensure_future(city.site.get("/api/v1/hospitals"))
    await city.turns(DatabaseState.AWAY)
    async with asyncio.timeout(PATIENCE_SECONDS):
        problem(await reading, 503, "unavailable")
        ready = await city.site.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == ["database_away"]
    city.network.speak_again()
    await city.turns(DatabaseState.ALIVE)
    assert (await city.site.get("/health/ready")).status_code == 200
    assert (await city.site.book(city.citizen, city.session_id)).status_code == 201
    assert city.network.cancel_requests == 0


async def test_every_door_says_at_once_that_nothing_was_booked(city: City) -> None:
    readers = [await city.reader(language) for language in ("zh", "en")]
    await city.network.refuse()
    await city.turns(DatabaseState.AWAY)
    for headers in ({}, ENGLISH):
        answer = await city.site.book(city.citizen, city.session_id, key="k", headers=headers)
        detail = problem(answer, 503, "booking_unavailable")
        assert ("nothing was booked" in detail) == (headers == ENGLISH)
        assert answer.headers["retry-after"] == "2"
    asked = {
        "resourceType": "Appointment",
        "status": "proposed",
        "slot": [{"reference": f"Slot/{city.session_id}"}],
        "participant": [
            {"actor": {"reference": f"Patient/{city.citizen.patient_id}"}, "status": "accepted"}
        ],
    }
    fhir = await city.site.post(
        "/fhir/r4/Appointment",
        token=city.citizen.token,
        headers={"Idempotency-Key": "k"},
        json=asked,
    )
    assert (fhir.status_code, fhir.json()["resourceType"]) == (503, "OperationOutcome")
    assert fhir.headers["retry-after"] == "2"
    for reader, language in zip(readers, ("zh", "en"), strict=True):
        form = reader.form(f"/book/{city.session_id}")
        page = await reader.send(form)
        assert page.status_code == 503
        assert page.headers["retry-after"] == "2"
        assert ("没有约上" in page.text) == (language == "zh")
        assert ("Nothing was booked" in page.text) == (language == "en")
        assert language == "zh" or not has_chinese(page.text.partition("<h1>")[2][:400])
        again = reader.form(f"/book/{city.session_id}")
        assert again.fields["key"] == form.fields["key"]
        assert again.fields["tries"] == "1"
        assert "data-again" in page.text
    home = await Reader.of(city.site).go("/")
    assert (home.status_code, home.headers["retry-after"]) == (503, "5")
    await city.network.listen()
    await city.turns(DatabaseState.ALIVE)
    for reader in readers:  # both have the key of their own form: the second is told of the first
        await reader.send(reader.form(f"/book/{city.session_id}"))
        assert "/bookings/" in reader.path
    assert await count(city.site.platform, "appointments") == 1


async def test_a_primary_that_was_demoted_books_nothing_until_it_may_write_again(
    city: City,
) -> None:
    database = city.network.server_url
    await turn_read_only(database, "on")
    city.network.end_connections()
    await city.turns(DatabaseState.READ_ONLY)
    problem(await city.site.book(city.citizen, city.session_id), 503, "booking_unavailable")
    assert (await city.site.get("/api/v1/hospitals")).status_code == 200
    ready = await city.site.get("/health/ready")
    assert ready.json()["reasons"] == ["database_read_only"]
    await turn_read_only(database, "off")
    await city.turns(DatabaseState.ALIVE)
    assert (await city.site.book(city.citizen, city.session_id)).status_code == 201
    assert await ask(city.site.platform, "SELECT count(*) FROM appointments") == [(1,)]


async def test_pages_are_read_from_a_replica_while_the_primary_is_away(database_url: str) -> None:
    """A read-only session of the same server stands for the replica."""
    replica = make_conninfo(database_url, options="-c default_transaction_read_only=on")
    async with (
        network_to(database_url) as network,
        open_platform(network.url, Clock(), read_url=replica) as platform,
        open_desk(platform) as desk,
        Pulse(platform.db).kept(),
    ):
        site = Site(create_app(platform, desk), platform)
        city = City(site, network, await add_citizen(site), await add_session(platform))
        reader = await city.reader("zh")
        assert "页面内容截至" not in reader.text
        await network.refuse()
        await city.turns(DatabaseState.AWAY)
        for path in ("/", "/bookings", f"/book/{city.session_id}"):
            page = await reader.go(path)
            assert page.status_code == 200, page.text
            assert "暂时不能预约" in page.text
            assert "页面内容截至 11月30日 周一 09:00" in page.text
        english = Reader.of(site, language="en")
        assert "This page is as of Mon 30 Nov, 09:00" in (await english.go("/")).text
        problem(await site.book(city.citizen, city.session_id), 503, "booking_unavailable")
        page = await reader.send(reader.form(f"/book/{city.session_id}"))
        assert (page.status_code, "没有约上" in page.text) == (503, True)
        answer = await site.get("/api/v1/hospitals")
        assert answer.status_code == 200
        assert answer.headers["data-as-of"] == "2026-11-30T09:00:00+08:00"
        await network.listen()
        await city.turns(DatabaseState.ALIVE)
        assert "页面内容截至" not in (await reader.go("/")).text
        assert (await site.book(city.citizen, city.session_id)).status_code == 201


async def test_a_process_that_starts_while_the_primary_is_away_shows_pages(
    database_url: str, tmp_path: Path
) -> None:
    """A machine that comes up during an outage: pages from the replica, bookings later."""
    replica = make_conninfo(database_url, options="-c default_transaction_read_only=on")
    async with network_to(database_url) as network:
        env = environment(network.url, tmp_path, GUAHAO_DATABASE_READ_URL=replica)
        await network.refuse()
        web = Web(env)
        try:
            async with httpx.AsyncClient(base_url=web.base, trust_env=False) as client:

                async def status(path: str) -> int:
                    assert web.process.poll() is None
                    try:
                        return (await client.get(path)).status_code
                    except httpx.TransportError:
                        return 0

                async def becomes(path: str, wanted: int) -> None:
                    async def has_become() -> bool:
                        return await status(path) == wanted

                    async with asyncio.timeout(2 * PATIENCE_SECONDS):
                        await until(has_become)

                await becomes("/", 200)
                assert await status("/health/live") == 200
                ready = await client.get("/health/ready")
                assert (ready.status_code, ready.json()["reasons"]) == (503, ["database_away"])
                await network.listen()
                await becomes("/health/ready", 200)
        finally:
            await asyncio.to_thread(web.kill)


async def turn_read_only(database_url: str, switch: str) -> None:
    async with await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, options="-c default_transaction_read_only=off"
    ) as conn:
        row = await (await conn.execute("SELECT current_database()")).fetchone()
        assert row is not None
        await conn.execute(
            f'ALTER DATABASE "{row[0]}" SET default_transaction_read_only = {switch}'.encode()
        )
