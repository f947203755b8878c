"""One clock for the platform, on the city's time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from guahao.clock import ClockWatch, city_clock
from guahao.rules.kernel.limits import CITY_TIME

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


class Compared:
    """A clock, a database and an uptime, each moved by the test; watched with 2 s of tolerance."""

    def __init__(self) -> None:
        self.ahead = self.database = self.up = 0.0
        self.watch = ClockWatch(
            lambda: START + timedelta(seconds=self.database + self.ahead),
            lambda seconds: START + timedelta(seconds=seconds),
            2.0,
            lambda: self.up,
        )

    def passes(self, seconds: float) -> None:
        self.database += seconds
        self.up += seconds

    def compare(self, there: float = 0.0, back: float = 0.0) -> None:
        """Ask, with so long a way there and back."""
        asked = self.watch.now()
        self.passes(there)
        told = self.database
        self.passes(back)
        self.watch.compare(told, asked, self.watch.now())


@pytest.mark.parametrize(
    ("ahead", "wrong"), [(0.0, False), (1.9, False), (2.1, True), (-1.9, False), (-7200.0, True)]
)
def test_a_clock_more_than_two_seconds_off_is_wrong(ahead: float, wrong: bool) -> None:
    compared = Compared()
    compared.ahead = ahead
    assert not compared.watch.is_wrong  # before anything is known
    compared.compare()
    assert compared.watch.is_wrong is wrong
    assert compared.watch.ahead_seconds == pytest.approx(ahead, abs=1e-5)


@pytest.mark.parametrize(("there", "back"), [(3.0, 3.0), (6.0, 0.0), (0.0, 6.0)])
def test_a_slow_answer_does_not_make_a_clock_wrong(there: float, back: float) -> None:
    compared = Compared()
    compared.compare(there, back)
    for ahead in (0.0, 5.1 + abs(there - back) / 2):
        compared.ahead = ahead
        assert compared.watch.is_wrong is (ahead > 0)


def test_a_clock_that_is_set_anew_is_wrong_at_once_and_right_when_set_back() -> None:
    compared = Compared()
    compared.compare()
    compared.passes(3600)
    assert not compared.watch.is_wrong
    for ahead in (5 * 24 * 3600.0, 0.0, -3.0, 0.0):  # without another comparison
        compared.ahead = ahead
        assert compared.watch.is_wrong is (ahead != 0)


def test_a_databases_clock_that_was_set_right_is_believed() -> None:
    compared = Compared()
    for ahead in (60.0, 0.0):
        compared.database += 60.0 - ahead
        compared.ahead = ahead
        compared.compare()
        assert compared.watch.is_wrong is (ahead > 0)


def test_a_demos_clock_elsewhere_is_right(machine: Machine) -> None:
    clock = city_clock(START, begun=machine.seconds - 3600)
    assert clock.at(machine.seconds) == clock()
    for ahead in (0.0, 3.0):
        watch = ClockWatch(clock, clock.at, 2.0, lambda: 0.0)
        watch.compare(machine.seconds - ahead, 0.0, 0.0)
        assert watch.is_wrong is (ahead > 0)
