"""A hospital's rules from a date on: which day decides, and what was promised is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time, timedelta

import psycopg
import pytest
from tests.city import THURSDAY, Clock, ask, cancel_for_caller, change, open_platform
from tests.crowd import Person, add_clinic, add_crowd, book, booked, open_desk
from tests.supply import at

from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.window import (
    ClosedSession,
    close_session,
    closes_from,
    correct,
)
from guahao.flows.booking.appointments import own_appointment
from guahao.flows.hospitals.directory import hospital
from guahao.flows.hospitals.hospital_rules import change as change_rules
from guahao.flows.hospitals.hospital_rules import overview, withdraw
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.hospitals.hospital_rules import DatedRules, RulesRefusal
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import DONE, CancelRefusal, Refusal, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.store.kernel.views import AppointmentView
from guahao.tools.audit.audit import audit

TUESDAY = date(2026, 12, 1)
FIRST = HospitalRules()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def clinic(platform: Platform, *dates: date) -> tuple[Staff, list[int]]:
    """A hospital's scheduler and its sessions on these dates."""
    session_ids = await add_clinic(platform, dates or (THURSDAY,))
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_ids[0]
    )
    return Staff(7, "scheduler", Role.SCHEDULER, hospital_id), session_ids


async def person(platform: Platform) -> Person:
    return (await add_crowd(platform, 1))[0]


async def rules_of(platform: Platform, by: Staff) -> HospitalRules:
    view = await hospital(platform, by.own_hospital_id)
    assert view is not None
    return view.rules


async def test_rules_begin_to_hold_at_midnight_of_their_date(
    platform: Platform, clock: Clock
) -> None:
    by, _ = await clinic(platform)
    stricter = replace(FIRST, cycle_days=None, next_day_stop_time=time(12))
    assert await change_rules(platform, by, TUESDAY, stricter) == DatedRules(TUESDAY, stricter)
    clock.now = at("2026-11-30T23:59:59")
    assert await rules_of(platform, by) == FIRST
    clock.now = at("2026-12-01T00:00")
    assert await rules_of(platform, by) == stricter


async def test_a_cycle_in_force_can_be_lifted_again(platform: Platform, clock: Clock) -> None:
    by, _ = await clinic(platform)
    await change(platform, "UPDATE hospitals SET cycle_days = 7")
    await change_rules(platform, by, TUESDAY, FIRST)
    assert (await rules_of(platform, by)).cycle_days == 7
    clock.forward(days=1)
    assert (await rules_of(platform, by)).cycle_days is None


async def test_the_day_of_the_request_decides_whether_it_may_be_booked(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    await change_rules(platform, by, TUESDAY, replace(FIRST, cycle_days=1))
    patients = await add_crowd(platform, 2)
    async with open_desk(platform) as desk:
        assert isinstance(await book(desk, patients[0], session_id), AppointmentView)
        clock.forward(days=1)
        refused = await book(desk, patients[1], session_id)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.BEYOND_HORIZON
    assert await _bookable_dates(platform) == 0


async def test_the_audit_judges_each_booking_by_the_rules_of_its_day(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    await booked(platform, await person(platform), session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, cycle_days=1))
    clock.forward(days=1)
    assert (await _bookable_dates(platform)) == 0
    await change(platform, "UPDATE appointments SET booked_at = booked_at + interval '1 day'")
    assert (await _bookable_dates(platform)) == 1


async def _bookable_dates(platform: Platform) -> int:
    found = {one.name: one.disagreements for one in (await audit(platform)).findings}
    return found["bookable_dates"]


async def test_who_booked_under_a_later_cancel_deadline_keeps_it(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    patients = await add_crowd(platform, 2)
    early = await booked(platform, patients[0], session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, cancel_days_before=2))
    clock.now = at("2026-12-01T10:00")
    late = await booked(platform, patients[1], session_id)
    clock.now = at("2026-12-02T14:59")
    shown = await own_appointment(platform, patients[0].account_id, early.id)
    assert shown is not None
    assert cancel_deadline(THURSDAY, shown.session.rules) == at("2026-12-02T15:00")
    assert await cancel_for_caller(platform, late.id) is CancelRefusal.CANCEL_TOO_LATE
    assert isinstance(await cancel_for_caller(platform, early.id), AppointmentView)


async def test_a_kinder_cancel_deadline_is_everybodys(platform: Platform, clock: Clock) -> None:
    by, [session_id] = await clinic(platform)
    mine = await booked(platform, await person(platform), session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, cancel_time=time(20)))
    clock.now = at("2026-12-02T19:59")
    assert isinstance(await cancel_for_caller(platform, mine.id), AppointmentView)


async def test_nobody_is_void_before_the_pick_up_deadline_they_booked_under(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    await booked(platform, await person(platform), session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, pickup_until_morning=time(9)))
    clock.now = at("2026-12-03T11:29")
    assert await sweep(platform) == 0
    clock.now = at("2026-12-03T11:30")
    assert await sweep(platform) == 1


async def test_nor_by_closing_the_session(platform: Platform, clock: Clock) -> None:
    by, [session_id] = await clinic(platform)
    await booked(platform, await person(platform), session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, pickup_until_morning=time(9)))
    clock.now = at("2026-12-03T11:29")
    assert await closes_from(platform, by, session_id) == at("2026-12-03T11:30")
    assert await close_session(platform, by, session_id) == Refused(WindowRefusal.TOO_EARLY)
    assert await ask(platform, "SELECT status FROM appointments") == [("booked",)]
    clock.now = at("2026-12-03T11:30")
    assert await close_session(platform, by, session_id) == ClosedSession(session_id, 1)


async def test_a_pick_up_corrected_after_its_session_was_settled_waits_for_the_hospital(
    platform: Platform, clock: Clock
) -> None:
    """Nobody would look at it again, although its own deadline is still to come."""
    by, [session_id] = await clinic(platform)
    mine = await booked(platform, await person(platform), session_id)
    await change_rules(platform, by, TUESDAY, replace(FIRST, pickup_until_morning=time(9)))
    clock.now = at("2026-12-03T08:50")
    await change(platform, "UPDATE appointments SET status = 'picked_up'")
    clock.now = at("2026-12-03T09:10")
    assert await close_session(platform, by, session_id) == ClosedSession(session_id, 0)
    assert await correct(platform, by, mine.id, "叫错了号") == DONE
    assert await ask(platform, "SELECT status FROM appointments") == [("unverified",)]


async def test_a_session_with_new_bookings_only_is_void_at_the_new_deadline(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    await change_rules(platform, by, TUESDAY, replace(FIRST, pickup_until_morning=time(9)))
    clock.forward(days=1)
    await booked(platform, await person(platform), session_id)
    clock.now = at("2026-12-03T09:00")
    assert await sweep(platform) == 1


@pytest.mark.parametrize(
    ("rules", "days", "refused"),
    [
        (replace(FIRST, cycle_days=7), 0, RulesRefusal.NOT_BEFORE_TOMORROW),
        (replace(FIRST, cycle_days=0), 1, RulesRefusal.CYCLE_DAYS),
        (replace(FIRST, cycle_days=93), 1, RulesRefusal.CYCLE_DAYS),
        (replace(FIRST, cancel_days_before=0), 1, RulesRefusal.CANCEL_DAYS),
        (FIRST, 1, RulesRefusal.NO_CHANGE),
    ],
)
async def test_rules_that_may_not_be(
    platform: Platform, clock: Clock, rules: HospitalRules, days: int, refused: RulesRefusal
) -> None:
    by, _ = await clinic(platform)
    day = clock.now.date() + timedelta(days=days)
    assert await change_rules(platform, by, day, rules) == Refused(refused)
    assert await ask(platform, "SELECT * FROM hospital_rules") == []


async def test_a_pending_change_can_be_withdrawn_and_both_are_in_the_trail(
    platform: Platform,
) -> None:
    by, _ = await clinic(platform)
    seven = replace(FIRST, cycle_days=7)
    await change_rules(platform, by, TUESDAY, seven)
    assert (await overview(platform, by)).pending == [DatedRules(TUESDAY, seven)]
    assert await withdraw(platform, by, TUESDAY) == DONE
    assert await withdraw(platform, by, TUESDAY) == Refused(RulesRefusal.NOT_PENDING)
    assert (await overview(platform, by)).pending == []
    trail = await ask(platform, "SELECT action, who_name, detail FROM audit_trail ORDER BY seq")
    assert [row[:2] for row in trail] == [
        ("change_rules", "scheduler"),
        ("withdraw_rules", "scheduler"),
    ]
    assert '"cycle_days":7' in trail[0][2]


async def test_rules_that_hold_cannot_be_withdrawn(platform: Platform, clock: Clock) -> None:
    by, _ = await clinic(platform)
    await change_rules(platform, by, TUESDAY, replace(FIRST, cycle_days=7))
    clock.forward(days=1)
    assert await withdraw(platform, by, TUESDAY) == Refused(RulesRefusal.NOT_PENDING)


async def test_the_database_refuses_another_hospitals_rules(platform: Platform) -> None:
    by, _ = await clinic(platform)
    other, _ = await clinic(platform)
    await change_rules(platform, other, TUESDAY, replace(FIRST, cycle_days=7))
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        assert await tx.rows("SELECT * FROM hospital_rules") == []
        assert await tx.do("DELETE FROM hospital_rules") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
            await tx.do(
                "INSERT INTO hospital_rules SELECT %s, '2027-01-01', 7, '0:00', '15:00', 1,"
                " '15:00', '11:30', '16:30', '20:00'",
                (other.own_hospital_id,),
            )
