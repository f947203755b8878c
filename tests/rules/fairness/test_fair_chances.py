"""Chances under the rules: of a swapping pair, and of people on the phone. Seeded, never lucky.

Bookings, draws and returned places are decided by the platform's rules; only who asks, and when,
is invented. Each test has a control without the rule, in which the chances are unfair.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

import pytest

from guahao.rules.fairness.allocating import DrawEntry, Won
from guahao.rules.fairness.drawing import TICKET_BYTES, seed_of
from guahao.rules.fairness.returning import (
    Cause,
    DrawKind,
    Fate,
    ReleaseMode,
    ReturnFacts,
    applications_until,
    returned,
)
from guahao.rules.kernel.limits import CITY_TIME
from guahao.tools.bench.fairness.department import Ask, Department
from guahao.tools.bench.fairness.releasing import call_ends

VISIT = date(2026, 12, 8)
RELEASE = datetime(2026, 12, 1, 7, tzinfo=CITY_TIME)
RETURNED_AT = datetime(2026, 12, 3, 9, 12, 30, tzinfo=CITY_TIME)

TRIES = 2_000
WAITERS = 50
BUYER = 1

PHONE_SHARE = 0.25
ENTRIES, PLACES, DRAWS = 250, 100, 400


def drawn(
    department: Department, identities: Sequence[int], places: int, at: datetime, random: Random
) -> set[int]:
    """Return who wins places of the session, which nobody else can book."""
    entries = [
        DrawEntry(random.randbytes(TICKET_BYTES), 1, (VISIT.toordinal(),)) for _ in identities
    ]
    root, secret = random.randbytes(32), random.randbytes(32)
    seed = seed_of(1, root, secret, [])
    results = department.draw(seed, identities, entries, {VISIT: places}, at)
    return {identities[index] for index, result in results.items() if isinstance(result, Won)}


def with_a_returned_place() -> Department:
    """Return a department with one session of one place, which has just come back."""
    department = Department(places=1, cycle_days=7)
    department.publish(VISIT)
    department.kept_back[VISIT] = 1
    return department


@pytest.mark.parametrize("mode", ReleaseMode)
@pytest.mark.parametrize(
    "cause",
    [
        Cause.CANCELLED,  # by the patient or by an agent
        Cause.DECLINED,
        Cause.CAPACITY_RAISED,
        Cause.STOP_UNDONE,
        Cause.PUBLISHED_LATE,
        Cause.MOVED,
    ],
)
def test_a_swap_succeeds_no_more_often_than_two_of_all_who_wait(
    cause: Cause, mode: ReleaseMode
) -> None:
    """The rule is not told the cause, so that no way of returning a place can be a way around it.

    That every way asks the rule is tested with the flows.
    """
    random = Random(f"{cause} {mode}")
    won = 0
    for _ in range(TRIES):
        now = RETURNED_AT + timedelta(minutes=random.uniform(0, 3 * 24 * 60))
        found = returned(ReturnFacts(VISIT, mode, was_full=True, released_at=RELEASE), now)
        assert found.fate is Fate.HELD
        assert found.draw_at is not None
        # The buyer applied a second after the seller cancelled, and all others before.
        waiting = [*range(BUYER + 1, BUYER + WAITERS), BUYER]
        won += drawn(with_a_returned_place(), waiting, 1, found.draw_at, random) == {BUYER}
    assert won <= 2 / WAITERS * TRIES
    assert won > 0.5 / WAITERS * TRIES  # a buyer has the chance of all others, and no less


def test_a_swap_nearly_always_succeeds_where_a_place_is_free_at_once() -> None:
    """The control: a program asks within 30 ms, and each waiting person looks once a minute."""
    random = Random("at once")
    won = 0
    for _ in range(TRIES):
        facts = ReturnFacts(VISIT, ReleaseMode.FIRST_COME, True, RELEASE, draws_returned=False)
        assert returned(facts, RETURNED_AT).fate is Fate.FREE
        department = with_a_returned_place()
        department.kept_back[VISIT] = 0
        asked = [
            Ask(RETURNED_AT + timedelta(seconds=random.uniform(0, 60)), waiter)
            for waiter in range(BUYER + 1, BUYER + WAITERS)
        ]
        program = Ask(RETURNED_AT + timedelta(seconds=random.uniform(0.005, 0.03)), BUYER)
        won += department.book(VISIT, [*asked, program]) == [BUYER]
    assert won >= 0.9 * TRIES


def channels(random: Random) -> tuple[list[int], list[int]]:
    """Return who is on the web and who on the phone."""
    on_phone = [random.random() < PHONE_SHARE for _ in range(ENTRIES)]
    people = range(1, ENTRIES + 1)
    return (
        [person for person, phone in zip(people, on_phone, strict=True) if not phone],
        [person for person, phone in zip(people, on_phone, strict=True) if phone],
    )


def reached_by_the_hotline(callers: Sequence[int], calls: Sequence[datetime]) -> list[Ask]:
    """Return the requests of three agents for their callers, five minutes a call."""
    reached = call_ends(sorted(calls), 3, timedelta(minutes=5), timedelta(minutes=15))
    return [Ask(at, caller) for caller, at in zip(callers, reached, strict=True) if at is not None]


def test_who_applies_by_phone_wins_as_often_as_who_applies_on_the_web() -> None:
    random = Random("channels")
    applied, won = [0, 0], [0, 0]
    until = applications_until(DrawKind.RELEASE, RELEASE)
    for _ in range(DRAWS):
        web, phone = channels(random)
        calls = [RELEASE - timedelta(hours=random.uniform(12, 71)) for _ in phone]
        in_time = [ask.identity for ask in reached_by_the_hotline(phone, calls) if ask.at < until]
        department = Department(PLACES, cycle_days=7)
        department.publish(VISIT)
        department.kept_back[VISIT] = PLACES
        winners = drawn(department, [*web, *in_time], PLACES, RELEASE, random)
        for channel, people in enumerate((web, phone)):
            applied[channel] += len(people)
            won[channel] += len(winners.intersection(people))
    assert sum(won) == DRAWS * PLACES
    # 75,000 people on the web and 25,000 on the phone: an error of 1 %.
    assert 0.95 < (won[1] / applied[1]) / (won[0] / applied[0]) < 1.05


def test_where_the_fastest_wins_the_phone_has_next_to_no_chance() -> None:
    """The control: people on the web tap within seconds; all who call do so at the release."""
    random = Random("first come")
    applied, won = [0, 0], [0, 0]
    for _ in range(DRAWS // 10):
        web, phone = channels(random)
        taps = [RELEASE + timedelta(seconds=random.lognormvariate(1.4, 0.7)) for _ in web]
        asked = [Ask(at, person) for person, at in zip(web, taps, strict=True)]
        typed = timedelta(seconds=30)
        reached = reached_by_the_hotline(phone, [RELEASE] * len(phone))
        asked += [Ask(ask.at + typed, ask.identity) for ask in reached]
        department = Department(PLACES, cycle_days=7)
        department.publish(VISIT)
        winners = set(department.book(VISIT, asked))
        for channel, people in enumerate((web, phone)):
            applied[channel] += len(people)
            won[channel] += len(winners.intersection(people))
    assert (won[1] / applied[1]) / (won[0] / applied[0]) < 0.05
