"""One clock for the platform, on the city's time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from guahao.clock import city_clock
from guahao.rules.limits import CITY_TIME

START = datetime(2026, 12, 1, 14, 59, tzinfo=CITY_TIME)


class Machine:
    """The machine's own clock, standing until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(time, "time", machine)
    return machine


def test_without_a_start_it_tells_real_time_in_the_city() -> None:
    before = datetime.now(UTC)
    now = city_clock()()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is CITY_TIME
    assert now.utcoffset() == timedelta(hours=8)


def test_it_begins_at_its_start_and_runs_on(machine: Machine) -> None:
    clock = city_clock(START)
    assert clock() == START
    machine.seconds += 60.25
    assert clock() == START + timedelta(seconds=60.25)
    assert clock().tzinfo is CITY_TIME


def test_a_clock_begun_earlier_has_run_since(machine: Machine) -> None:
    clock = city_clock(START, begun=machine.seconds - 3600)
    assert clock() == START + timedelta(hours=1)


def test_processes_that_share_a_beginning_tell_the_same_time(machine: Machine) -> None:
    begun = machine.seconds
    first = city_clock(START, begun)
    machine.seconds += 5  # the second process starts later
    second = city_clock(START, begun)
    assert first() == second() == START + timedelta(seconds=5)


def test_it_passes_midnight_into_the_next_date(machine: Machine) -> None:
    clock = city_clock(START)
    machine.seconds += 10 * 3600
    assert clock() == datetime(2026, 12, 2, 0, 59, tzinfo=CITY_TIME)


def test_a_beginning_without_a_start_changes_nothing() -> None:
    before = datetime.now(UTC)
    assert before <= city_clock(None, begun=0.0)() <= datetime.now(UTC)
