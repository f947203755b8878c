"""The morning bench asks as everybody does, and compares both loads as the issue of speed asks.

A small form of `guahao bench morning`, at real web processes; no figure is judged, because they
depend on the machine.
"""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from defusedxml import ElementTree
from rich.console import Console
from tests.conftest import SOURCES
from typer.testing import CliRunner

from guahao.cli import app
from guahao.tools.bench.morning import bench
from guahao.tools.bench.morning.bench import Form, measure, show
from guahao.tools.bench.morning.chart import drawn
from guahao.tools.bench.morning.connections import Connections
from guahao.tools.bench.morning.figures import KINDS, Arm, Kind, laws
from guahao.tools.scratch import scratch_database
from guahao.web_process import token_issuer

SMALL = Form(rounds=1, seconds=4, readers=10, persons=20, bots=1, rate=10, connections=20)


@pytest.fixture
def from_these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SOURCES)


@pytest.mark.usefixtures("from_these_sources")
def test_everybody_is_answered_and_counted(server_url: str) -> None:
    console = Console(file=StringIO(), width=200)
    with scratch_database(server_url) as url:
        rounds = asyncio.run(measure(url, token_issuer, SMALL, console))
    [(served, more)] = rounds
    assert (served.times, more.times) == (1, 10)
    for arm in (served, more):
        assert arm.booked <= arm.places
        assert set(arm.cpu) == {"web", "web apart", "worker", "PostgreSQL", "load"}
        for name, kind in arm.kinds.items():
            assert kind.sent == kind.good + kind.refused + kind.failed, name
            assert kind.sent, name
        for name in set(KINDS) - {"people", "bots"}:
            # Failed where the machine is too slow to answer, but never refused.
            assert not arm.kinds[name].refused, (name, arm.kinds[name].said)
    assert more.kinds["people"].sent > served.kinds["people"].sent
    show(console, SMALL, rounds)
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    for word in (*KINDS, "goodput", "cores used: web", "places booked", "refusals p99"):
        assert word in printed
    chart = "".join(ElementTree.fromstring(drawn(rounds)).itertext())
    for name in KINDS:
        assert name in chart


def arm_of(times: int, good: int, slow: float = 0.01) -> Arm:
    arm = Arm(times, seconds=10.0, cpu={"load": 1.0})
    for name in KINDS:
        arm.kinds[name] = Kind(good + 1, good, 1, 0, [slow] * good, [slow])
    return arm


def test_the_laws_compare_ten_times_the_load_with_the_load_that_is_served() -> None:
    kept = laws([(arm_of(1, 100), arm_of(10, 96))])
    assert all(law.holds for law in kept)
    fewer = laws([(arm_of(1, 100), arm_of(10, 94))])
    assert [law.holds for law in fewer] == [False, True, True, True, True]
    slower = laws([(arm_of(1, 100), arm_of(10, 100, slow=0.6))])
    assert [law.holds for law in slower] == [True, False, False, False, False]
    assert not laws([(arm_of(1, 0), arm_of(10, 100))])[0].holds
    lost = arm_of(10, 1000)
    lost.kinds["cancels"].sent, lost.kinds["cancels"].failed = 1003, 2
    assert [law.holds for law in laws([(arm_of(1, 1000), lost)])] == [True, True, True, True, False]


ANSWER, CLOSED = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""


async def statuses_of_three(connections: int, reply: Callable[[int], bytes]) -> list[int]:
    """Ask three times, one after the other; `reply` gets how often its connection was asked."""
    serving = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        asked = 0
        while await reader.read(4096):
            asked += 1
            said = reply(asked)
            if not said:
                break
            writer.write(said)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    heard: asyncio.Queue[int] = asyncio.Queue()
    async with server:
        pool = Connections([server.sockets[0].getsockname()[1]], connections)
        await pool.open()
        statuses = []
        for _ in range(3):
            pool.ask(b"GET / HTTP/1.1\r\n\r\n", lambda reply: heard.put_nowait(reply.status))
            statuses.append(await asyncio.wait_for(heard.get(), 30))
        pool.close()
        await asyncio.gather(*filter(None, serving), return_exceptions=True)
    return statuses


@pytest.mark.parametrize(
    ("connections", "replies"),
    [
        (1, [ANSWER, CLOSED, ANSWER, CLOSED, CLOSED]),  # sent again on a new connection
        (2, [CLOSED, ANSWER, ANSWER, CLOSED, CLOSED]),  # after one that waited and was never used
    ],
)
async def test_what_meets_the_end_of_an_idle_connection_is_sent_again_once(
    connections: int, replies: list[bytes]
) -> None:
    """Where the new connection is closed as well, the request is cut off."""
    answers = iter([*replies, ANSWER])  # the last is left over
    assert await statuses_of_three(connections, lambda _: next(answers)) == [200, 200, 0]
    assert list(answers) == [ANSWER]


async def test_what_is_sent_again_does_not_meet_the_end_of_another_idle_connection() -> None:
    def answer_first_only(asked: int) -> bytes:
        return ANSWER if asked == 1 else CLOSED

    assert await statuses_of_three(2, answer_first_only) == [200, 200, 200]


def test_bots_are_not_counted_as_goodput() -> None:
    arm = arm_of(1, 100)
    arm.kinds["bots"].good = 100_000
    assert arm.goodput == (len(KINDS) - 1) * 100 / 10


def test_fewer_connections_where_the_machine_opens_no_more_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    console = Console(file=StringIO(), width=200)
    form = bench._with_files(Form(connections=10_000), console)
    assert 0 < form.connections < 4096
    assert isinstance(console.file, StringIO)
    assert re.search(r"may open 4,096 files here: [\d,]+ connections", console.file.getvalue())
    assert bench._with_files(Form(connections=100), console).connections == 100


def test_a_chart_needs_a_folder(tmp_path: Path) -> None:
    asked = ["bench", "morning", "--chart", str(tmp_path / "none" / "morning.svg")]
    assert CliRunner().invoke(app, asked).exit_code != 0
