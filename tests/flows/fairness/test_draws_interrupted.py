"""A draw gives the same file to the byte whatever dies, waits or runs twice in between."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, change, open_platform
from tests.conftest import SOURCES
from tests.flows.fairness.fair_city import (
    Clinic,
    add_applicants,
    add_clinic,
    add_sibling,
    booked_patients,
    expected_file,
    hold_until,
    only_draw,
)
from tests.rules.reading import verify

from guahao.flows.fairness import drawing, draws
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import DrawRow
from guahao.store.kernel.db import Tx

ROOT = Path(__file__).parents[3]
TEN = MONDAY_MORNING + timedelta(hours=1)
PEOPLE = 24
PLACES = 14
CHUNK = 4

# A worker that kills itself at the first step that it does: within the transaction, or after it.
DYING = """
import asyncio, os, signal, sys
from datetime import datetime
from tests.city import Clock, open_platform
from guahao.flows.fairness import drawing, draws
from guahao.store.fairness import draws as store

url, now, chunk, moment = sys.argv[1:]
drawing.CHUNK = drawing.READ_LEAST = drawing.READ_MOST = int(chunk)

def dies_at(name):
    real = getattr(store, name)
    async def wrapped(*arguments, **named):
        await real(*arguments, **named)
        if moment == "committed":
            await arguments[0].do("COMMIT")
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(store, name, wrapped)

for name in ("reveal", "advance", "finish"):
    dies_at(name)

async def main():
    async with open_platform(url, Clock(datetime.fromisoformat(now))) as platform:
        await draws.run_draws(platform)

asyncio.run(main())
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Platform]:
    for name in ("CHUNK", "READ_LEAST", "READ_MOST"):
        monkeypatch.setattr(drawing, name, CHUNK)
    async with open_platform(database_url, clock) as opened:
        yield opened


async def closed_draw(platform: Platform, clock: Clock) -> tuple[Clinic, int, str]:
    """A closed draw of two sessions and many people, of whom some are suspended; and its file."""
    clinic = await add_clinic(platform, PLACES - 3, TEN)
    await add_sibling(platform, clinic, 3, TEN, THURSDAY + timedelta(days=1))
    people = await add_applicants(platform, clinic, range(1, PEOPLE + 1))
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    refused = {person.patient_ids[0]: "patient_suspended" for person in people[::4]}
    await change(
        platform,
        "UPDATE patients SET suspended_until = '2027-01-01' WHERE id = ANY(%s)",
        list(refused),
    )
    draw_id = await only_draw(platform)
    expected = await expected_file(platform, draw_id, refused)
    clock.now = TEN
    return clinic, draw_id, expected


async def assert_fair(platform: Platform, draw_id: int, expected: str) -> None:
    """The file is as the rules alone make it, and every winner has a booking, once."""
    assert await proof_file(platform, draw_id) == expected
    verify(expected.encode())
    booked = await booked_patients(platform)
    assert len(booked) == len(set(booked)) == PLACES
    assert await ask(platform, "SELECT sum(booked), sum(held) FROM clinic_sessions") == [
        (PLACES, 0)
    ]
    assert await ask(platform, "SELECT count(*) FROM wins") == [(PLACES,)]
    # Each loss once; whom a rule kept from every place has lost nothing.
    assert await ask(
        platform,
        "SELECT count(*) FROM applications a JOIN draw_entries e ON e.application_id = a.id"
        " WHERE a.state = 'live' AND a.lost <> ('full' = ANY(e.reasons))::int",
    ) == [(0,)]


async def test_a_draw_is_the_same_after_kill_9_at_every_step(
    platform: Platform, clock: Clock, database_url: str
) -> None:
    _, draw_id, expected = await closed_draw(platform, clock)
    deaths = 0
    # Each worker dies at its first step, alternately before and after the commit; the next goes on.
    while await asyncio.to_thread(
        dies, database_url, clock.now.isoformat(), "open" if deaths % 2 else "committed"
    ):
        deaths += 1
    assert deaths >= 2 * (PLACES // CHUNK + 2)
    await assert_fair(platform, draw_id, expected)


def dies(url: str, now: str, moment: str) -> bool:
    """Whether a worker died at a step; False where none was left."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, url, now, str(CHUNK), moment],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([SOURCES, str(ROOT)])},
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


async def test_two_workers_at_once_hold_one_draw(platform: Platform, clock: Clock) -> None:
    _, draw_id, expected = await closed_draw(platform, clock)
    await asyncio.gather(*(drawing.draw(platform, draw_id) for _ in range(4)))
    # Those who found the cursor moved left the draw to the other.
    await draws.run_draws(platform)
    await assert_fair(platform, draw_id, expected)


async def test_a_clock_that_is_set_back_during_the_draw_changes_nothing(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, draw_id, expected = await closed_draw(platform, clock)

    async def set_back() -> None:
        clock.forward(minutes=-20)

    before_each_chunk(monkeypatch, set_back)
    await drawing.draw(platform, draw_id)
    assert clock.now < TEN
    await assert_fair(platform, draw_id, expected)


async def test_a_worker_that_goes_on_the_next_day_changes_nothing(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, draw_id, expected = await closed_draw(platform, clock)
    await stop_after_two_chunks(platform, draw_id, monkeypatch)
    clock.forward(days=1)
    await draws.run_draws(platform)
    await assert_fair(platform, draw_id, expected)


class Anything(int):
    """A cursor that equals every other: no worker finds that it was moved."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize("compares_the_cursor", [True, False])
async def test_a_worker_that_was_held_up_leaves_the_draw_to_the_other(
    platform: Platform,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    compares_the_cursor: bool,
) -> None:
    """With the control: without the cursor it decides again what others have decided."""
    _, draw_id, expected = await closed_draw(platform, clock)
    real = store.lock
    is_held_up = True

    async def lock(tx: Tx, id: int) -> DrawRow:
        nonlocal is_held_up
        row = await real(tx, id)
        if row.cursor == CHUNK and is_held_up:
            is_held_up = False
            await tx.do("ROLLBACK")
            await tx.do("BEGIN")
            async with open_platform(platform.db.url, clock) as other:
                await stop_after_two_chunks(other, draw_id, monkeypatch)
            row = await real(tx, id)
        return row if compares_the_cursor else replace(row, cursor=Anything(row.cursor))

    with monkeypatch.context() as patch:
        patch.setattr(store, "lock", lock)
        if not compares_the_cursor:
            # Its next entries have their results already, and the draw never ends.
            with pytest.raises(AssertionError):
                await drawing.draw(platform, draw_id)
            assert await proof_file(platform, draw_id) != expected
            return
        await drawing.draw(platform, draw_id)
    await draws.run_draws(platform)
    await assert_fair(platform, draw_id, expected)


class StoppedError(Exception):
    """A worker ends here."""


async def stop_after_two_chunks(
    platform: Platform, draw_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work on a draw for two chunks."""
    chunks = 0

    async def count() -> None:
        nonlocal chunks
        chunks += 1
        if chunks > 2:
            raise StoppedError

    with monkeypatch.context() as patch:
        before_each_chunk(patch, count)
        with pytest.raises(StoppedError):
            await drawing.draw(platform, draw_id)


def before_each_chunk(patch: pytest.MonkeyPatch, then: Callable[[], Awaitable[None]]) -> None:
    real = store.advance

    async def advance(tx: Tx, draw_id: int, cursor: int) -> None:
        await then()
        await real(tx, draw_id, cursor)

    patch.setattr(store, "advance", advance)
