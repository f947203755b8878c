"""The scale bench fills shares of a city, measures everything in them, and compares them.

A small form of `guahao bench scale`; no figure is judged, because they depend on the machine.
"""

from __future__ import annotations

import asyncio
from io import StringIO

import pytest
from rich.console import Console
from tests.conftest import SOURCES
from typer.testing import CliRunner

from guahao.cli import app
from guahao.tools.bench.scale.bench import BYTES_MOST, Form, Measured, keeps_pace, measure, show
from guahao.tools.bench.scale.queries import Past
from guahao.tools.scratch import scratch_database
from guahao.web_process import token_issuer

SMALL = Form(
    bookings=4000,
    sessions=400,
    desk_requests=1000,
    over_http=False,
    rounds=1,
    times=1,
    shares=(50,),
)


@pytest.fixture
def from_these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SOURCES)


@pytest.mark.usefixtures("from_these_sources")
def test_a_share_is_filled_and_everything_in_it_is_measured(server_url: str) -> None:
    console = Console(file=StringIO(), width=150)
    with scratch_database(server_url) as url:
        measured = asyncio.run(measure(url, token_issuer, SMALL, 50, console))
    assert (measured.bookings, measured.sessions) == (2000, 200)
    assert all(
        value > 0 for name, value in measured.figures.items() if "processor time" not in name
    )
    assert isinstance(console.file, StringIO)
    told = console.file.getvalue()
    for name in measured.figures:
        assert f"50 %: {name}: " in told  # as soon as it is known
    show(console, [measured, measured])
    printed = console.file.getvalue()
    for word in (
        "desk, bookings/s",
        "Python, µs",
        "search: phone",
        "page: home",
        "report reports",
        "sweep of yesterday",
        "timetable roll-out",
        "audit",
        "database, MB",
        "(1.00)",
        "1.00: yes",
    ):
        assert word in printed, word


def test_a_larger_city_has_more_hospitals_and_then_more_days() -> None:
    small, middle, large = (
        Past(bookings, bookings * 3 // 10, 0) for bookings in (1_000, 100_000, 10_000_000)
    )
    assert (small.hospitals, small.days) == (1, 15)
    assert (middle.hospitals, middle.days) == (146, 10)
    assert (large.hospitals, large.days, large.future_days) == (146, 1027, 30)
    for past in (small, middle, large):
        first, last = past.bookable
        assert past.departments < first < last == past.sessions


def test_only_booking_must_keep_its_pace() -> None:
    def measured(share: float, rate: float) -> Measured:
        return Measured(share, 1, 1, {"desk, bookings/s": rate, "audit, s": share})

    assert keeps_pace([measured(1, 1000), measured(10, 10), measured(100, 901)])
    assert not keeps_pace([measured(1, 1000), measured(100, 899)])


@pytest.mark.parametrize("shares", ["", "ten", "0", "1,101", "1,,10"])
def test_shares_are_percentages(shares: str) -> None:
    asked = ["bench", "scale", "--shares", shares]
    assert CliRunner().invoke(app, asked).exit_code != 0


def test_no_city_takes_more_than_the_disk_may_hold() -> None:
    assert Form().most_bytes < BYTES_MOST
    asked = ["bench", "scale", "--bookings", "20000000", "--sessions", "10000000"]
    assert CliRunner().invoke(app, asked).exit_code != 0
