"""Draws of many departments at one moment, and the desk beside them: S12 is never broken."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import structlog
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, open_platform
from tests.crowd import add_crowd, book, open_desk
from tests.flows.fairness.fair_city import (
    add_clinic,
    add_sibling,
    applied,
    hold_until,
)
from tests.rules.reading import check

from guahao.flows.fairness import draws
from guahao.flows.fairness.applications import withdraw
from guahao.flows.fairness.drawn import proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import Policy
from guahao.store.booking import booking
from guahao.store.fairness import entries
from guahao.store.fairness.applications import ApplicationView

log = structlog.get_logger(__name__)
TEN = MONDAY_MORNING + timedelta(hours=1)
# Each person applies in two departments; the long form makes 10,000 applications.
LONG_FORM = "GUAHAO_FAULTS_LONG" in os.environ
PEOPLE = 5000 if LONG_FORM else 120
DEPARTMENTS = 80 if LONG_FORM else 8
AT_THE_DESK = 4000 if LONG_FORM else 200
AT_ONCE = 64  # requests at the desk
WORKERS = 4  # draws at once, as a worker of ours holds them: more would only wait for connections
MOST_SECONDS = 1200 if LONG_FORM else 120
ONE_A_DAY = Policy(per_day=1)

# Persons with more than one visit on a day, three in seven days, or five in three months.
BROKEN = """
    SELECT a.patient_id FROM appointments a JOIN appointments b
      ON b.patient_id = a.patient_id AND b.status = 'booked'
     AND b.visit_date BETWEEN a.visit_date AND a.visit_date + %s
    WHERE a.status = 'booked'
    GROUP BY a.id, a.patient_id HAVING count(*) > %s
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=ONE_A_DAY) as opened:
        yield opened


async def broken(platform: Platform) -> list[int]:
    """Persons beyond a limit: a day, seven days."""
    found = []
    for days, most in ((0, ONE_A_DAY.per_day), (6, ONE_A_DAY.per_short_window)):
        found += [row[0] for row in await ask(platform, BROKEN, days, most)]
    return sorted(set(found))


async def run_all(platform: Platform) -> None:
    """Hold all draws at once, as several workers do."""
    ids = iter(await ask(platform, "SELECT id FROM draws"))

    async def advance_in_turn() -> None:
        for (id,) in ids:
            await draws.advance(platform, id)

    await asyncio.gather(*(advance_in_turn() for _ in range(WORKERS)))
    await draws.run_draws(platform)
    assert await ask(platform, "SELECT count(*) FROM draws WHERE state <> 'done'") == [(0,)]


async def draw_beside_the_desk(platform: Platform, clock: Clock) -> None:
    """Hold the draws of all departments at one moment, while the desk books their people."""
    chosen = random.Random(7)
    clinics = []
    for _ in range(DEPARTMENTS):
        first = await add_clinic(platform, chosen.randint(3, 12), TEN)
        days = [THURSDAY + timedelta(days=chosen.randint(0, 2)) for _ in range(2)]
        clinics += [(first, [await add_sibling(platform, first, 3, TEN, day) for day in days])]
    crowd = await add_crowd(platform, PEOPLE)
    applying = ((person, clinic) for person in crowd for clinic, _ in chosen.sample(clinics, 2))

    async def apply_in_turn() -> None:
        for person, clinic in applying:
            await applied(platform, person.account_id, (person.patient_id,), clinic)

    await asyncio.gather(*(apply_in_turn() for _ in range(4)))
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    clock.now = TEN
    open_sessions = [
        session.session_id for first, siblings in clinics for session in (first, *siblings)
    ]
    async with open_desk(platform) as desk:
        asking = iter(chosen.choices(crowd, k=AT_THE_DESK))

        async def ask_in_turn() -> None:
            for person in asking:
                await book(desk, person, chosen.choice(open_sessions))

        await asyncio.gather(run_all(platform), *(ask_in_turn() for _ in range(AT_ONCE)))
    if LONG_FORM:
        figures = """
            SELECT (SELECT count(*) FROM draw_entries), (SELECT count(*) FROM draws),
                   (SELECT count(*) FROM wins), (SELECT count(*) FROM appointments)
        """
        [(entered, drawn, won, booked)] = await ask(platform, figures)
        log.info(
            "drawn_beside_the_desk", entries=entered, draws=drawn, won=won, at_the_desk=booked - won
        )


async def test_limits_hold_under_many_random_applications(platform: Platform, clock: Clock) -> None:
    await draw_beside_the_desk(platform, clock)
    assert await broken(platform) == []
    [[booked, entered]] = await ask(
        platform,
        "SELECT (SELECT count(*) FROM appointments), (SELECT count(*) FROM draw_entries)",
    )
    assert (booked > DEPARTMENTS * 3, entered) == (True, 2 * PEOPLE)
    # What was not given out is free, and what was given out was never sold twice.
    assert await ask(platform, "SELECT count(*) FROM clinic_sessions WHERE held > 0") == [(0,)]
    assert (
        await ask(
            platform,
            """
        SELECT s.id FROM clinic_sessions s
        WHERE s.booked <> (SELECT count(*) FROM appointments a
                           WHERE a.clinic_session_id = s.id AND a.status = 'booked')
        """,
        )
        == []
    )


def late(save: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def save_late(*given: object) -> None:
        await asyncio.sleep(0.02)
        await save(*given)

    return save_late


async def test_without_locks_many_random_applications_break_the_limits(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: desk and draws do not lock the persons, and store only after others decided."""
    unlocked = booking._LOCK_PATIENTS.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(booking, "_LOCK_PATIENTS", unlocked)
    for store, name in ((booking, "save_decided"), (entries, "save_results")):
        monkeypatch.setattr(store, name, late(getattr(store, name)))
    async with asyncio.timeout(MOST_SECONDS):
        await draw_beside_the_desk(platform, clock)
    assert len(await broken(platform)) > 0


async def in_two_draws(platform: Platform, clock: Clock) -> None:
    """Somebody applies in two departments, with places enough, for the same day."""
    clinics = [await add_clinic(platform, 1, TEN) for _ in range(2)]
    [person] = await add_crowd(platform, 1)
    for clinic in clinics:
        await applied(platform, person.account_id, (person.patient_id,), clinic)
    await hold_until(platform, clock, TEN - timedelta(minutes=6))
    clock.now = TEN


async def test_of_two_draws_at_once_a_person_wins_one(platform: Platform, clock: Clock) -> None:
    await in_two_draws(platform, clock)
    await run_all(platform)
    assert await ask(platform, "SELECT count(*) FROM appointments") == [(1,)]


async def test_without_locks_a_person_would_win_both(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: two draws that read before either has stored."""
    await in_two_draws(platform, clock)
    unlocked = booking._LOCK_PATIENTS.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(booking, "_LOCK_PATIENTS", unlocked)
    both_have_read = asyncio.Barrier(2)
    real = entries.save_results

    async def save_results(*arguments: object) -> None:
        await both_have_read.wait()
        await real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(entries, "save_results", save_results)
    await run_all(platform)
    assert len(await broken(platform)) == 1


@pytest.mark.parametrize("minutes_before", [10, 0])
async def test_who_withdraws_while_a_draw_closes_or_is_held_wins_nothing(
    platform: Platform, clock: Clock, minutes_before: int
) -> None:
    """Whoever is told that the application is withdrawn has no booking; all others may win."""
    people = 12
    clinic = await add_clinic(platform, people, TEN)
    own = [
        await applied(platform, person.account_id, (person.patient_id,), clinic)
        for person in await add_crowd(platform, people)
    ]
    await hold_until(platform, clock, TEN - timedelta(minutes=minutes_before + 1))
    clock.now = TEN - timedelta(minutes=minutes_before)
    _, *answers = await asyncio.gather(
        draws.hold_draws(platform),
        *(withdraw(platform, each.account_id, each.application_id) for each in own[::2]),
    )
    await hold_until(platform, clock, TEN)
    withdrawn = {answer.id for answer in answers if isinstance(answer, ApplicationView)}
    others = {each.application_id for each in own} - withdrawn
    won = await ask(platform, "SELECT application_id FROM wins")
    assert sorted(id for (id,) in won) == sorted(others)
    states = await ask(platform, "SELECT id, state FROM applications ORDER BY id")
    assert dict(states) == dict.fromkeys(withdrawn, "withdrawn") | dict.fromkeys(others, "won")
    [[draw_id]] = await ask(platform, "SELECT id FROM draws WHERE state = 'done'")
    file = await proof_file(platform, draw_id)
    assert file is not None
    assert check(file.encode()).won == len(others)
