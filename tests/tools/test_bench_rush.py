"""Bots win no more than people where releases are personal, and everything where they are not.

A small form of `guahao bench rush`, over HTTP at real web processes. What bots win follows from
the accounts' moments, and those from the day; the bounds are five standard deviations away.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
import uvloop
from rich.console import Console
from tests.conftest import SOURCES

from guahao.tools.bench.rush.bench import CONTROL_ABOVE, Arm, Form, measure, show
from guahao.tools.scratch import scratch_database
from guahao.web_process import token_issuer

SMALL = Form(bots=10, punctual=10, rate=50, persons=100, releases=1)


@pytest.fixture
def from_these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SOURCES)


def arm(url: str, *, personal: bool) -> Arm:
    console = Console(file=StringIO())
    return uvloop.run(measure(url, token_issuer, SMALL, console, personal=personal))


@pytest.mark.usefixtures("from_these_sources")
def test_bots_win_what_their_number_is_worth_and_without_moments_everything(
    server_url: str,
) -> None:
    # A thread each: starting a web process blocks, and would stop the other arm's people.
    with (
        scratch_database(server_url) as url,
        scratch_database(server_url) as controls_url,
        ThreadPoolExecutor() as threads,
    ):
        first = threads.submit(arm, url, personal=True)
        second = threads.submit(arm, controls_url, personal=False)
        with_moments, control = first.result(), second.result()
    assert with_moments.places == control.places == 3 * SMALL.places
    assert control.bots_ratio > CONTROL_ABOVE
    assert with_moments.bots_ratio < 1.6
    assert with_moments.ratio("punctual") < 2.3
    # Hammering is answered by the gate, and gains nothing.
    assert with_moments.bots.answers["too_many_requests"] > with_moments.bots.answers["booked"]
    assert with_moments.people.answers["booked"] > 0.8 * with_moments.places


def test_a_higher_rate_than_was_reached_is_warned_of() -> None:
    slow, fast = (Arm(personal, Form()) for personal in (True, False))
    slow.bots.hammered, slow.bots.seconds = 940, 10.0
    fast.bots.hammered, fast.bots.seconds = 960, 10.0
    printed = StringIO()
    for measured in (slow, fast):
        measured.people.waits.append(0.1)
    show(Console(file=printed, width=500), [slow, fast])
    warnings = [line for line in printed.getvalue().splitlines() if "too slow or too busy" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("on: the bots sent 94.0 of 100 requests/s")


def test_places_are_scarce_and_the_full_form_gives_out_enough() -> None:
    form = Form()
    assert form.places < form.everybody / CONTROL_ABOVE  # or the control could not fail
    assert 3 * form.places * form.releases >= 8_100
