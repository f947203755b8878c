"""A policy tried on what was really asked: the records are reproduced, nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from tests.city import Clock, ask, cancel_for_caller, change, open_platform, stop_session
from tests.crowd import Person, add_clinic, add_crowd, book, open_desk
from tests.web.staff_site import add_member

from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.policy import policies as policy_flows
from guahao.flows.policy import policy_trials as flows
from guahao.flows.policy.policy_trials import TrialOutcome
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import DatedPolicy
from guahao.rules.staff.staff import Role, Staff
from guahao.store.kernel.views import AppointmentView

MONDAY = date(2026, 11, 30)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def by(platform: Platform) -> Staff:
    return await add_member(platform, Role.ADMINISTRATOR)


@pytest.fixture
async def desk(platform: Platform) -> AsyncIterator[Desk]:
    async with open_desk(platform) as opened:
        yield opened


async def tried(platform: Platform, by: Staff, policy: Policy) -> TrialOutcome:
    """What a trial of it comes to, as the worker does it."""
    new = DatedPolicy(MONDAY + timedelta(days=300), policy)
    trial_id = await flows.start(platform, by, new, flows.DAYS)
    await flows.carry_out(platform, trial_id)
    found = await flows.view(platform, trial_id)
    assert found is not None
    assert not found.trial.is_open
    assert found.outcome is not None
    return found.outcome


async def lived(platform: Platform, desk: Desk, clock: Clock) -> list[Person]:
    """Some days with every kind of answer: limits, a full session, cancelling, a stop, no-shows."""
    people = await add_crowd(platform, 6)
    days = [MONDAY + timedelta(days=n) for n in (3, 4, 5, 6, 20, 21)]
    near = [await add_clinic(platform, days, capacity=3) for _ in range(3)]
    ids = [[id for clinic in near for id in (clinic[n],)] for n in range(len(days))]
    for person in people[:4]:  # the fourth finds it full
        await book(desk, person, ids[0][0])
        clock.forward(seconds=1)
    for session_id in ids[0][1:]:  # a second on one date, a third refused
        await book(desk, people[0], session_id)
        clock.forward(seconds=1)
    cancelled = await book(desk, people[4], ids[1][0])
    assert isinstance(cancelled, AppointmentView)
    clock.forward(hours=1)
    await cancel_for_caller(platform, cancelled.id)
    clock.forward(hours=1)
    for n in range(1, 4):  # the seven-day limit
        await book(desk, people[0], ids[n][1])
        clock.forward(seconds=1)
    await stop_session(platform, ids[2][2])
    clock.forward(seconds=1)
    await book(desk, people[5], ids[2][2])
    await _miss_three(platform, desk, clock, people[5], ids)
    return people


async def _miss_three(
    platform: Platform, desk: Desk, clock: Clock, person: Person, ids: list[list[int]]
) -> None:
    missed = []
    for n in (1, 2, 3):
        answer = await book(desk, person, ids[n][0])
        assert isinstance(answer, AppointmentView), answer
        missed.append(answer.id)
    clock.forward(days=8)
    await report_attendance(platform, [], missed)
    clock.forward(seconds=1)
    await book(desk, person, ids[4][0])


async def everything(platform: Platform) -> list[tuple[object, ...]]:
    return await ask(
        platform,
        """
        SELECT (SELECT json_agg(a ORDER BY id)::text FROM appointments a),
               (SELECT json_agg(s ORDER BY id)::text FROM clinic_sessions s),
               (SELECT json_agg(p.suspended_until ORDER BY id)::text FROM patients p),
               (SELECT count(*) FROM booking_requests), (SELECT count(*) FROM messages)
        """,
    )


async def test_under_the_policy_in_force_every_recorded_answer_comes_again(
    platform: Platform, desk: Desk, clock: Clock, by: Staff
) -> None:
    await lived(platform, desk, clock)
    before = await everything(platform)
    outcome = await tried(platform, by, Policy())
    compared = outcome.comparison
    assert not outcome.shortened
    assert compared.disagreements == []
    assert compared.agreeing == compared.requests == before[0][3]
    answered = {word for word, counts in compared.outcomes.items() if counts[0]}
    assert answered >= {
        *("booked", "sold_out", "day_limit", "seven_day_limit"),
        *("session_stopped", "patient_suspended"),
    }
    assert all(len(set(counts)) == 1 for counts in compared.outcomes.values())
    assert (compared.all.gained, compared.all.lost, compared.other_reason) == (0, 0, 0)
    assert await everything(platform) == before


async def test_a_kinder_policy_books_who_was_refused_and_a_stricter_one_the_other_way(
    platform: Platform, desk: Desk, clock: Clock, by: Staff
) -> None:
    await lived(platform, desk, clock)
    kinder = (await tried(platform, by, Policy(per_day=3, per_short_window=4))).comparison
    assert (kinder.all.gained, kinder.all.lost) == (1, 0)  # the third of one date
    assert kinder.gained_persons == 1
    stricter = (await tried(platform, by, Policy(per_day=1))).comparison
    assert stricter.all.lost == 1  # the second of one date
    lenient = (await tried(platform, by, Policy(first_suspension_no_shows=4))).comparison
    assert lenient.outcomes["patient_suspended"] == (1, 1, 0)
    assert sum(tally.gained for tally in lenient.by_hospital.values()) == lenient.all.gained == 1
    assert sum(tally.requests for tally in lenient.by_day.values()) == lenient.requests


async def test_days_under_another_policy_are_reproduced_by_it(
    platform: Platform, desk: Desk, clock: Clock, by: Staff
) -> None:
    """Compared is with what holds now; trusted is what reproduces the records."""
    [person] = await add_crowd(platform, 1)
    clinics = [(await add_clinic(platform))[0] for _ in range(3)]
    for session_id in clinics[:2]:
        await book(desk, person, session_id)
    seen = (await policy_flows.overview(platform)).version
    tomorrow = DatedPolicy(MONDAY + timedelta(days=1), Policy(per_day=1))
    await policy_flows.change(platform, by, tomorrow, "试行", seen)
    clock.forward(days=1)
    await book(desk, person, clinics[2])
    compared = (await tried(platform, by, Policy(per_day=3))).comparison
    assert compared.agreeing == compared.requests == 3
    assert compared.outcomes["booked"] == (2, 1, 3)


async def test_where_the_world_was_another_the_difference_is_told(
    platform: Platform, desk: Desk, by: Staff
) -> None:
    people = await add_crowd(platform, 2)
    [session_id] = await add_clinic(platform, capacity=1)
    for person in people:
        await book(desk, person, session_id)
    await change(platform, "UPDATE clinic_sessions SET capacity = 2")
    compared = (await tried(platform, by, Policy())).comparison
    assert compared.disagreements == [("sold_out", "booked", 1)]
    assert (compared.agreeing, compared.requests) == (1, 2)


async def test_a_place_taken_without_a_request_is_taken(
    platform: Platform, desk: Desk, by: Staff
) -> None:
    """By an import, or before the days that are tried."""
    people = await add_crowd(platform, 2)
    [session_id] = await add_clinic(platform, capacity=1)
    for person in people:
        await book(desk, person, session_id)
    await change(platform, "DELETE FROM booking_requests WHERE outcome = 'booked'")
    compared = (await tried(platform, by, Policy())).comparison
    assert compared.outcomes["sold_out"] == (1, 1, 1)


async def test_without_requests_there_is_nothing_to_try(platform: Platform, by: Staff) -> None:
    outcome = await tried(platform, by, Policy())
    assert (outcome.first, outcome.comparison.requests) == (None, 0)


async def test_only_as_many_days_are_tried_as_fit(
    platform: Platform, desk: Desk, clock: Clock, by: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await add_crowd(platform, 2)
    [session_id] = await add_clinic(platform, (MONDAY + timedelta(days=30),))
    for person in people:
        await book(desk, person, session_id)
        clock.forward(days=1)
    monkeypatch.setattr(flows, "REQUESTS_MAX", 1)
    outcome = await tried(platform, by, Policy())
    assert (outcome.first, outcome.comparison.requests) == (MONDAY + timedelta(days=1), 1)
    assert outcome.shortened


async def test_a_trial_that_fails_says_so_and_one_done_is_not_done_again(
    platform: Platform, by: Staff
) -> None:
    new = DatedPolicy(MONDAY + timedelta(days=300), Policy(per_day=1))
    trial_id = await flows.start(platform, by, new, 90)
    await change(platform, "UPDATE policy_trials SET proposed = '{}x'")
    with pytest.raises(Exception, match="JSON"):
        await flows.carry_out(platform, trial_id)
    [[failed]] = await ask(platform, "SELECT failed_at FROM policy_trials")
    assert failed is not None
    await flows.carry_out(platform, trial_id)  # not again
