"""A won place is declined by its patient alone, once, and goes to the next draw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_patient,
    add_session,
    ask,
    cancel_for_caller,
    change,
    open_platform,
    reasons,
)
from tests.flows.fairness.test_applications import applied, request
from tests.flows.fairness.winning import make_win

from guahao.flows.fairness.applications import apply
from guahao.flows.fairness.declining import decline
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import ApplicationRefusal, Wishes
from guahao.rules.fairness.declining import DeclinedTooLate, DeclineRefusal
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refused
from guahao.store.kernel.views import AppointmentView

_PLACES = "SELECT capacity, booked, held, reserved FROM clinic_sessions WHERE id = %s"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    policy = Policy(draw_returned_places=True)
    async with open_platform(database_url, clock, policy=policy) as opened:
        yield opened


async def full_session(platform: Platform) -> int:
    """A session on Thursday whose only place is taken."""
    session_id = await add_session(platform)
    await change(platform, "UPDATE clinic_sessions SET capacity = 1, booked = 1")
    return session_id


async def test_a_declined_place_is_held_for_the_next_draw(platform: Platform, clock: Clock) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    session_id = await full_session(platform)
    won = await make_win(platform, patient.id, session_id)
    declined = await decline(platform, account, won)
    assert isinstance(declined, AppointmentView)
    assert declined.status == "cancelled"
    assert declined.won_in_draw
    assert declined.decline_until is None
    assert await ask(platform, _PLACES, session_id) == [(1, 0, 1, 0)]
    [(draw_at, cause)] = await ask(platform, "SELECT draw_at, cause FROM held_places")
    assert (draw_at, cause) == (clock.now + timedelta(hours=1), "declined")
    assert await ask(platform, "SELECT declined_at FROM wins") == [(clock.now,)]
    assert await ask(platform, "SELECT kind FROM messages") == [("cancelled",)]
    assert [action for action, _ in await reasons(platform)] == ["decline_appointment"]


async def test_refusals_and_whose_place_it_is(platform: Platform, clock: Clock) -> None:
    account, stranger = await add_account(platform), await add_account(platform, 2)
    patient = await add_patient(platform, account)
    won = await make_win(platform, patient.id, await full_session(platform))
    unknown = Refused(DeclineRefusal.UNKNOWN)
    assert await decline(platform, stranger, won) == unknown
    assert await decline(platform, account, won + 1) == unknown
    ends = clock.now + timedelta(hours=24)
    clock.now = ends
    assert await decline(platform, account, won) == DeclinedTooLate(
        DeclineRefusal.TOO_LATE, ended_at=ends
    )
    await change(platform, "UPDATE appointments SET status = 'stopped'")
    assert await decline(platform, account, won) == Refused(DeclineRefusal.NOT_CANCELLABLE)
    await change(platform, "DELETE FROM wins")
    assert await decline(platform, account, won) == Refused(DeclineRefusal.NOT_WON)


async def test_two_taps_return_one_place(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    session_id = await full_session(platform)
    won = await make_win(platform, patient.id, session_id)
    answers = await asyncio.gather(*(decline(platform, account, won) for _ in range(4)))
    assert len([answer for answer in answers if isinstance(answer, AppointmentView)]) == 1
    assert answers.count(Refused(DeclineRefusal.NOT_CANCELLABLE)) == 3
    assert await ask(platform, _PLACES, session_id) == [(1, 0, 1, 0)]


async def test_the_patient_declines_while_the_agent_cancels(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    session_id = await full_session(platform)
    won = await make_win(platform, patient.id, session_id)
    by_patient, by_agent = await asyncio.gather(
        decline(platform, account, won), cancel_for_caller(platform, won)
    )
    assert isinstance(by_patient, AppointmentView) is not isinstance(by_agent, AppointmentView)
    assert await ask(platform, _PLACES, session_id) == [(1, 0, 1, 0)]
    assert await ask(platform, "SELECT kind FROM messages") == [("cancelled",)]


async def test_a_declined_place_frees_the_limits_and_three_declines_pause(
    platform: Platform, clock: Clock
) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    session_id = await full_session(platform)
    [(department,)] = await ask(platform, "SELECT department_id FROM clinic_sessions")
    wishes = Wishes(THURSDAY - timedelta(days=2), THURSDAY + timedelta(days=4))
    for n in range(3):
        await change(platform, "UPDATE clinic_sessions SET booked = 1, held = 0")
        await change(platform, "DELETE FROM held_places")
        # The same department on the same day: the limit is free each time.
        won = await make_win(platform, patient.id, session_id, code=f"{n:08d}")
        assert isinstance(await decline(platform, account, won), AppointmentView)
    answer = await apply(platform, request(account, [patient.id], department, wishes=wishes))
    ends = clock.now + timedelta(days=30)
    assert answer == Refused(ApplicationRefusal.APPLICATIONS_PAUSED, retry_from=ends)
    # Not for the other patient of the account.
    other = await add_patient(platform, account, 2)
    await applied(platform, request(account, [other.id], department, wishes=wishes))
    clock.now = ends
    later = Wishes(ends.date(), ends.date() + timedelta(days=9))
    await applied(platform, request(account, [patient.id], department, "k2", later))
