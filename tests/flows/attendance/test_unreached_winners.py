"""A winner whom no message reached gets a call, and is never a no-show (RULES.md, Fair release)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    notify,
    open_platform,
)
from tests.flows.fairness.winning import make_win

from guahao.flows.attendance.attendance import AttendanceReport, Reported, report
from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.attendance.unverified import Confirmed, confirm
from guahao.flows.attendance.window import ClosedSession, close_session
from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Role, Staff


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def won(platform: Platform, state: str) -> int:
    """A win whose message has come to a state; and that another patient came that day."""
    account = await add_account(platform)
    patient, other = await add_patient(platform, account), await add_patient(platform, account, 2)
    session_id = await add_session(platform)
    came = await add_appointment(platform, other.id, session_id, "76543210")
    await change(platform, "UPDATE appointments SET status = 'picked_up' WHERE id = %s", came)
    id = await make_win(platform, patient.id, session_id)
    await change(platform, "UPDATE clinic_sessions SET booked = 2")
    await notify(platform, "draw_won", id)
    await change(platform, "UPDATE messages SET state = %s", state)
    return id


async def status(platform: Platform, id: int) -> str:
    [(found,)] = await ask(platform, "SELECT status FROM appointments WHERE id = %s", id)
    return str(found)


@pytest.mark.parametrize("state", ["failed", "expired", "unknown", "by_phone", "queued"])
async def test_whom_no_message_reached_is_no_no_show(
    platform: Platform, clock: Clock, state: str
) -> None:
    id = await won(platform, state)
    clock.now = clock.now.replace(month=12, day=THURSDAY.day, hour=18)
    assert await sweep(platform) == 1
    assert await status(platform, id) == "unverified"
    # The hospital's report changes nothing: it does not know whether the patient knew.
    assert await report_attendance(platform, [], [id]) == 0
    assert await status(platform, id) == "unverified"
    assert await ask(platform, "SELECT FROM messages WHERE kind = 'no_show'") == []


async def clerk_of(platform: Platform, id: int) -> tuple[Staff, int]:
    """A clerk of the booking's hospital, and the booking's session."""
    [(hospital_id, session_id)] = await ask(
        platform, "SELECT hospital_id, clinic_session_id FROM appointments WHERE id = %s", id
    )
    return Staff(1, "clerk", Role.CLERK, hospital_id), session_id


async def test_the_hospital_is_told_that_its_report_made_no_no_show(
    platform: Platform, clock: Clock
) -> None:
    id = await won(platform, "failed")
    by, _ = await clerk_of(platform, id)
    clock.now = clock.now.replace(month=12, day=THURSDAY.day, hour=18)
    assert await report(platform, by, [AttendanceReport(id, seen=False)]) == [
        Reported("booked", changed=False)
    ]
    await sweep(platform)
    assert await report(platform, by, [AttendanceReport(id, seen=False)]) == [
        Reported("unverified", changed=False)
    ]
    assert await ask(platform, "SELECT FROM audit_trail WHERE action = 'report_attendance'") == []
    assert await report(platform, by, [AttendanceReport(id, seen=True)]) == [
        Reported("picked_up", changed=True)
    ]


async def test_closing_the_session_makes_no_no_show(platform: Platform, clock: Clock) -> None:
    id = await won(platform, "failed")
    by, session_id = await clerk_of(platform, id)
    clock.now = clock.now.replace(month=12, day=THURSDAY.day, hour=18)
    assert await close_session(platform, by, session_id) == ClosedSession(session_id, 0)
    assert await status(platform, id) == "unverified"
    assert await close_session(platform, by, session_id) == ClosedSession(session_id, 0)
    assert await status(platform, id) == "unverified"


async def test_confirming_a_session_with_nobody_makes_no_no_show(
    platform: Platform, clock: Clock
) -> None:
    id = await won(platform, "failed")
    by, session_id = await clerk_of(platform, id)
    clock.now = clock.now.replace(month=12, day=THURSDAY.day, hour=18)
    await sweep(platform)
    clock.forward(days=1)
    confirmed = await confirm(platform, by, session_id, [], "名单已核对", nobody_came=True)
    assert confirmed == Confirmed(0, 0)
    assert await status(platform, id) == "unverified"


@pytest.mark.parametrize("state", ["submitted", "delivered"])
async def test_who_was_told_is_a_no_show_like_everybody(
    platform: Platform, clock: Clock, state: str
) -> None:
    id = await won(platform, state)
    clock.now = clock.now.replace(month=12, day=THURSDAY.day, hour=18)
    assert await sweep(platform) == 1
    assert await status(platform, id) == "no_show"


async def test_who_was_reached_by_a_call_or_a_reminder_knows(
    platform: Platform, clock: Clock
) -> None:
    id = await won(platform, "failed")
    await make_call_tasks(platform)
    assert await ask(platform, "SELECT kind, appointment_id FROM call_tasks") == [("draw_won", id)]
    clock.forward(days=1)
    assert await report_attendance(platform, [], [id]) == 0
    await change(platform, "UPDATE call_tasks SET outcome = 'reached', closed_at = %s", clock.now)
    assert await report_attendance(platform, [], [id]) == 1
    assert await status(platform, id) == "no_show"


async def test_who_came_is_picked_up_even_if_no_message_arrived(platform: Platform) -> None:
    id = await won(platform, "failed")
    await report_attendance(platform, [id], [])
    assert await status(platform, id) == "picked_up"


async def test_what_was_not_won_is_judged_as_before(platform: Platform, clock: Clock) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    id = await add_appointment(platform, patient.id, await add_session(platform))
    await notify(platform, "booked", id)
    await change(platform, "UPDATE messages SET state = 'failed'")
    clock.forward(days=4)
    assert clock.now.date() - THURSDAY == timedelta(days=1)
    assert await report_attendance(platform, [], [id]) == 1
    assert await status(platform, id) == "no_show"
