"""Draws wait for outside values, over real HTTP, and are held without them in the end."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.city import MONDAY_MORNING, Clock, ask, open_platform
from tests.flows.fairness.fair_city import (
    add_applicants,
    add_clinic,
    booked_patients,
    hold_until,
    only_draw,
)
from tests.rules.reading import verify
from tests.rules.writing import Draw

from guahao.flows.fairness import beacons, draws
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.beacon import KEY_BYTES, Beacon, Drand
from guahao.rules.fairness.proof import Level
from guahao.rules.fairness.witnessing import Witness
from guahao.settings import Settings
from guahao.tools import draw_verifier
from guahao.tools.witness import Chain, Server, value_at

TEN = MONDAY_MORNING + timedelta(hours=1)
MINUTES = 5
END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@contextmanager
def serving(clock: Clock, port: int = 0) -> Iterator[tuple[Chain, Witness]]:
    """A keeper that shows the values of a chain of its own by the clock of the test."""
    chain = Chain((uuid4().hex * 2)[:64], 1000, TEN - timedelta(days=1), MINUTES)
    with keeper(chain, clock, port) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        yield chain, Witness("公证处", value_at(chain, 0), url, chain.begins, MINUTES)


@contextmanager
def keeper(chain: Chain, clock: Clock, port: int) -> Iterator[Server]:
    with Server(chain, "127.0.0.1", port, clock) as server:
        thread = threading.Thread(target=server.serve_forever, args=(END_SECONDS,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


def with_witnesses(platform: Platform, *witnesses: Witness) -> Platform:
    settings = replace(Settings(), fairness_witnesses=witnesses)
    return replace(platform, settings=settings)


async def prepared(platform: Platform, clock: Clock) -> int:
    """A closed draw for one place, of three people."""
    await add_applicants(platform, await add_clinic(platform, 1, TEN), range(1, 4))
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    return await only_draw(platform)


async def proven(platform: Platform, draw_id: int) -> Draw:
    """The draw as its file proves it, to both verifiers."""
    file = await proof_file(platform, draw_id)
    assert file is not None
    draw_verifier.verify(io.BytesIO(file.encode()))
    return verify(file.encode())


async def logged(platform: Platform) -> str:
    return "\n".join(row[0] for row in await ask(platform, "SELECT line FROM fairness_log"))


async def at(platform: Platform, clock: Clock, moment: datetime) -> str:
    """The state of the draw once the job has run at a moment."""
    clock.now = moment
    await draws.hold_draws(platform)
    [[state]] = await ask(platform, "SELECT state FROM draws")
    return str(state)


async def test_the_value_of_the_draw_itself_decides(platform: Platform, clock: Clock) -> None:
    with serving(clock) as (chain, witness):
        city = with_witnesses(platform, witness)
        draw_id = await prepared(city, clock)
        assert await at(city, clock, TEN) == "done"
        draw = await proven(city, draw_id)
        index = 24 * 60 // MINUTES + 1
        assert draw.level is Level.WITNESSED
        assert [source.used for source in draw.sources] == [index]
        assert draw.values == (value_at(chain, index),)
        assert f"source {witness.first.hex()} {index}" in await logged(city)


async def test_a_witness_that_comes_late_is_waited_for(platform: Platform, clock: Clock) -> None:
    with serving(clock) as (chain, witness):
        city = with_witnesses(platform, witness)
        draw_id = await prepared(city, clock)
    assert await at(city, clock, TEN) == "closed"
    assert "waits for" not in await logged(city)
    assert await at(city, clock, TEN + timedelta(minutes=1)) == "closed"
    assert await at(city, clock, TEN + timedelta(minutes=2)) == "closed"
    assert (await logged(city)).count("waits for its sources") == 1
    assert await ask(city, "SELECT waiting_since FROM draws") == [(TEN + timedelta(minutes=1),)]
    with keeper(chain, clock, int(witness.url.rpartition(":")[2])):
        assert await at(city, clock, TEN + timedelta(minutes=3)) == "done"
    draw = await proven(city, draw_id)
    assert [source.later for source in draw.sources] == [None]


async def test_after_half_an_hour_a_later_value_is_used_with_the_same_root(
    platform: Platform, clock: Clock
) -> None:
    with serving(clock) as (chain, witness):
        city = with_witnesses(platform, witness)
        draw_id = await prepared(city, clock)
    [[root]] = await ask(city, "SELECT root FROM draws")
    assert await at(city, clock, TEN + timedelta(minutes=29)) == "closed"
    with keeper(chain, clock, int(witness.url.rpartition(":")[2])):
        assert await at(city, clock, TEN + timedelta(minutes=31)) == "done"
    draw = await proven(city, draw_id)
    [source] = draw.sources
    assert source.later == source.index + 30 // MINUTES
    assert draw.values == (value_at(chain, source.used),)
    assert await ask(city, "SELECT root FROM draws") == [(root,)]
    assert f"later 1 {source.later}" in await logged(city)


async def test_after_two_hours_the_draw_is_held_without_the_witness_and_says_so(
    platform: Platform, clock: Clock
) -> None:
    with serving(clock) as (_, silent), serving(clock) as (_, answering):
        city = with_witnesses(platform, silent, answering)
        draw_id = await prepared(city, clock)
    with serving(clock) as (_, other):
        # The silent one's port answers with the values of another chain, which prove nothing.
        city = with_witnesses(platform, replace(silent, url=other.url), answering)
        assert await at(city, clock, TEN + timedelta(hours=1, minutes=59)) == "closed"
        assert await at(city, clock, TEN + timedelta(hours=2)) == "done"
    draw = await proven(city, draw_id)
    assert [source.is_silent for source in draw.sources] == [True, True]
    assert draw.level is Level.OPERATOR
    assert len(await booked_patients(city)) == 1
    assert "silent 1" in await logged(city)


async def test_a_witness_without_a_value_between_closing_and_draw_is_not_announced(
    platform: Platform, clock: Clock
) -> None:
    with serving(clock) as (_, witness):
        daily = replace(witness, begins=TEN - timedelta(hours=5), minutes=1440)
        city = with_witnesses(platform, daily)
        draw_id = await prepared(city, clock)
        assert await at(city, clock, TEN) == "done"
        assert (await proven(city, draw_id)).sources == ()


async def test_a_removed_witness_keeps_no_draw_waiting(platform: Platform, clock: Clock) -> None:
    with serving(clock) as (_, witness):
        draw_id = await prepared(with_witnesses(platform, witness), clock)
    assert await at(platform, clock, TEN) == "done"
    assert [source.is_silent for source in (await proven(platform, draw_id)).sources] == [True]


@asynccontextmanager
async def stranger(answer: bytes, drops: int) -> AsyncIterator[str]:
    """A server that answers everything with these bytes, and then drop by drop with so many."""
    answering: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError), closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            for _ in range(drops):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    # A server that is closed leaves its open connections to the garbage collector.
    for task in answering:
        task.cancel()
    await asyncio.gather(*answering, return_exceptions=True)
    await asyncio.sleep(0)  # in which the transports close


OK = b"HTTP/1.1 200 OK\r\n\r\n"
STRANGE = {
    "no_http": (b"220 mail.example.cn ESMTP\r\n\r\n", 0),
    "slow": (OK, 10_000),
    "nested": (OK + b'{"a":' + b"[" * 3000, 0),
    "bytes": (OK + bytes(range(256)), 0),
}


@pytest.mark.parametrize(("values", "state"), [(300, "closed"), (287, "done"), (None, "closed")])
async def test_a_draw_after_the_last_value_of_a_chain_is_held_on_time(
    platform: Platform, clock: Clock, values: int | None, state: str
) -> None:
    """The last of 287 values is shown when the draw closes; nobody serves the chain."""
    begins = TEN - timedelta(days=1)
    witness = Witness("公证处", b"v" * 32, "http://127.0.0.1:1", begins, MINUTES, values)
    city = with_witnesses(platform, witness)
    await prepared(city, clock)
    assert await at(city, clock, TEN) == state


@pytest.mark.parametrize(("answer", "drops"), STRANGE.values(), ids=STRANGE)
async def test_no_answer_of_a_source_stops_a_draw(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch, answer: bytes, drops: int
) -> None:
    begins = TEN - timedelta(days=1)
    beacon = Beacon(3, int(begins.timestamp()), bytes(KEY_BYTES), uuid4().bytes * 2, "city")
    async with stranger(answer, drops) as url:
        witness = Witness("公证处", uuid4().bytes * 2, url, begins, MINUTES)
        settings = replace(
            Settings(), fairness_witnesses=(witness,), fairness_drand=Drand(beacon, (url,))
        )
        city = replace(platform, settings=settings)
        draw_id = await prepared(city, clock)
        monkeypatch.setattr(beacons, "_TIMEOUT_SECONDS", 0.5)
        async with asyncio.timeout(60):
            assert await at(city, clock, TEN) == "closed"
            assert await at(city, clock, TEN + timedelta(hours=2)) == "done"
    assert (await proven(city, draw_id)).level is Level.OPERATOR
