"""Stopping sessions, and taking it back while nobody was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import psycopg
import pytest
from tests.city import NO_DRAWS, THURSDAY, Clock, ask, change, draw_codes, open_platform, reasons
from tests.crowd import add_clinic, add_crowd, book, count, open_desk
from tests.supply import at

from guahao.flows.attendance.penalties import sweep
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.flows.supply.stops import GRACE, carry_on, preview, report, stop, undo
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.stops import StopRefusal
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope
from guahao.tools.audit.audit import audit

FRIDAY = THURSDAY + timedelta(days=1)
WHOLE_DAY = StopScope(THURSDAY, THURSDAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=NO_DRAWS) as opened:
        yield opened


async def clinic(
    platform: Platform, dates: tuple[date, ...] = (THURSDAY,), capacity: int = 20
) -> tuple[Staff, list[int]]:
    session_ids = await add_clinic(platform, dates, capacity)
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_ids[0]
    )
    return Staff(7, "scheduler", Role.SCHEDULER, hospital_id), session_ids


async def stopped(platform: Platform, by: Staff, scope: StopScope = WHOLE_DAY) -> int:
    stop_id = await stop(platform, by, scope, "医生外出")
    assert isinstance(stop_id, int), stop_id
    return stop_id


async def statuses(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT status FROM appointments ORDER BY id")]


async def assert_audit_clean(platform: Platform) -> None:
    assert [one.name for one in (await audit(platform)).findings if one.disagreements] == []


async def test_a_stop_says_first_what_it_would_take(platform: Platform) -> None:
    by, [session_id, _] = await clinic(platform, (THURSDAY, FRIDAY))
    patients = await add_crowd(platform, 3)
    async with open_desk(platform) as desk:
        for one in patients:
            await book(desk, one, session_id)
    await change(
        platform,
        "UPDATE patients SET account_id = NULL, phone_slot = NULL WHERE id = %s",
        patients[0].patient_id,
    )
    found = await preview(platform, by, StopScope(THURSDAY, FRIDAY))
    assert isinstance(found, list)
    assert [(one.sessions, one.bookings, one.without_phone) for one in found] == [(2, 3, 1)]
    assert await count(platform, "clinic_sessions", "stopped_at IS NOT NULL") == 0


async def test_bookings_are_stopped_at_once_and_told_after_the_grace(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    patients = await add_crowd(platform, 2)
    async with open_desk(platform) as desk:
        await book(desk, patients[0], session_id)
        stop_id = await stopped(platform, by)
        refused = await book(desk, patients[1], session_id)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.SESSION_STOPPED
    assert await statuses(platform) == ["stopped"]
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(0,)]
    clock.now += GRACE - timedelta(seconds=1)
    await carry_on(platform)
    assert await count(platform, "messages", "kind = 'stopped'") == 0
    clock.forward(seconds=1)
    await carry_on(platform)
    await carry_on(platform)
    assert await count(platform, "messages", "kind = 'stopped'") == 1
    assert await undo(platform, by, stop_id) == Refused(StopRefusal.TOLD)
    await assert_audit_clean(platform)


async def test_an_undone_stop_leaves_everything_as_it_was_and_tells_nobody(
    platform: Platform, clock: Clock
) -> None:
    by, session_ids = await clinic(platform, (THURSDAY, FRIDAY))
    patients = await add_crowd(platform, 3)
    async with open_desk(platform) as desk:
        for one in patients:
            await book(desk, one, session_ids[0])
        await book(desk, patients[0], session_ids[1])
        kept = "SELECT id, code_enc, code_index, status, code_live FROM appointments ORDER BY id"
        before = (
            await ask(platform, kept),
            await ask(platform, "SELECT booked FROM clinic_sessions"),
        )
        stop_id = await stopped(platform, by, StopScope(THURSDAY, FRIDAY))
        await undo(platform, by, stop_id)
        after = await ask(platform, kept), await ask(platform, "SELECT booked FROM clinic_sessions")
        assert after == before
        clock.forward(hours=1)
        await carry_on(platform)
        assert await count(platform, "messages", "kind = 'stopped'") == 0
        assert await undo(platform, by, stop_id) == Refused(StopRefusal.UNDONE)
        [late] = await add_crowd(platform, 1)
        assert isinstance(await book(desk, late, session_ids[0]), AppointmentView)
    await assert_audit_clean(platform)
    assert await reasons(platform) == [("stop_sessions", "医生外出"), ("undo_stop", "")]


async def test_whoever_used_the_freed_limit_stays_stopped_and_is_told_at_once(
    platform: Platform,
) -> None:
    by, [session_id] = await clinic(platform)
    _, [elsewhere] = await clinic(platform)
    _, [third] = await clinic(platform)
    moved, waiting = await add_crowd(platform, 2)
    async with open_desk(platform) as desk:
        first = await book(desk, moved, session_id)
        await book(desk, waiting, session_id)
        await book(desk, moved, elsewhere)
        stop_id = await stopped(platform, by)
        assert isinstance(await book(desk, moved, third), AppointmentView)  # the day's second
    await undo(platform, by, stop_id)
    assert isinstance(first, AppointmentView)
    assert await statuses(platform) == ["stopped", "booked", "booked", "booked"]
    assert await ask(platform, "SELECT appointment_id FROM messages WHERE kind = 'stopped'") == [
        (first.id,)
    ]
    found = await report(platform, by, stop_id)
    assert found is not None
    assert (found.progress.bookings, found.progress.restored) == (2, 1)
    await assert_audit_clean(platform)


async def test_an_undone_stop_after_the_pick_up_deadline_makes_nobody_a_no_show(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    [one] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk:
        await book(desk, one, session_id)
    clock.now = at("2026-12-03T11:28")
    stop_id = await stopped(platform, by)
    clock.now = at("2026-12-03T11:31")
    await undo(platform, by, stop_id)
    assert await sweep(platform) == 0
    assert await statuses(platform) == ["stopped"]
    assert await count(platform, "messages", "kind = 'stopped'") == 1


async def test_places_taken_away_meanwhile_go_to_who_booked_first(platform: Platform) -> None:
    by, [session_id] = await clinic(platform)
    patients = await add_crowd(platform, 3)
    async with open_desk(platform) as desk:
        for one in patients:
            await book(desk, one, session_id)
    stop_id = await stopped(platform, by)
    await change(platform, "UPDATE clinic_sessions SET capacity = 2")
    await undo(platform, by, stop_id)
    assert await statuses(platform) == ["booked", "booked", "stopped"]
    await assert_audit_clean(platform)


async def test_a_session_can_be_stopped_again_after_an_undo(
    platform: Platform, clock: Clock
) -> None:
    by, [session_id] = await clinic(platform)
    [one] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk:
        await book(desk, one, session_id)
    await undo(platform, by, await stopped(platform, by))
    await stopped(platform, by)
    clock.now += GRACE
    await carry_on(platform)
    assert await count(platform, "messages", "kind = 'stopped'") == 1


@pytest.mark.parametrize(
    ("scope", "taken"),
    [
        (StopScope(FRIDAY, FRIDAY), 1),
        (StopScope(THURSDAY, FRIDAY), 2),
        (StopScope(THURSDAY, FRIDAY, title="主任医师"), 2),
        (StopScope(THURSDAY, THURSDAY, period="morning"), 1),
    ],
)
async def test_a_scope_takes_what_it_names(
    platform: Platform, scope: StopScope, taken: int
) -> None:
    by, _ = await clinic(platform, (THURSDAY, FRIDAY))
    await clinic(platform)
    await stopped(platform, by, scope)
    assert await count(platform, "clinic_sessions", "stopped_at IS NOT NULL") == taken


@pytest.mark.parametrize(
    ("scope", "reason", "refused"),
    [
        (WHOLE_DAY, " ", StopRefusal.NO_REASON),
        (StopScope(FRIDAY, THURSDAY), "x", StopRefusal.DATES),
        (StopScope(date(2026, 11, 29), THURSDAY), "x", StopRefusal.PAST),
        (StopScope(THURSDAY, date(2027, 3, 4)), "x", StopRefusal.TOO_FAR),
        (StopScope(THURSDAY, THURSDAY, title="护士"), "x", StopRefusal.NOTHING),
    ],
)
async def test_what_is_not_stopped(
    platform: Platform, scope: StopScope, reason: str, refused: StopRefusal
) -> None:
    by, _ = await clinic(platform)
    assert await stop(platform, by, scope, reason) == Refused(refused)
    assert await count(platform, "stops") == 0


async def test_another_hospitals_sessions_and_stops_are_out_of_reach(platform: Platform) -> None:
    by, [session_id] = await clinic(platform)
    other, _ = await clinic(platform)
    scope = StopScope(THURSDAY, THURSDAY, session_id=session_id)
    assert await stop(platform, other, scope, "x") == Refused(StopRefusal.NOTHING)
    stop_id = await stopped(platform, by)
    assert await undo(platform, other, stop_id) == Refused(StopRefusal.UNKNOWN)
    assert await report(platform, other, stop_id) is None
    async with platform.db.transaction(hospital_id=other.own_hospital_id) as tx:
        for table in ("stops", "stop_sessions", "stop_bookings"):
            assert await tx.rows(f"SELECT * FROM {table}") == []
        assert await tx.do("UPDATE stops SET undone_at = now()") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with platform.db.transaction(hospital_id=other.own_hospital_id) as tx:
            await tx.do(
                "INSERT INTO stop_sessions (stop_id, clinic_session_id) VALUES (%s, %s)",
                (stop_id, session_id),
            )


async def test_people_who_book_while_a_stop_runs_are_refused_or_stopped(
    platform: Platform, clock: Clock
) -> None:
    days = tuple(THURSDAY + timedelta(days=n) for n in range(30))
    by, session_ids = await clinic(platform, days)
    crowd = await add_crowd(platform, 60)
    async with open_desk(platform) as desk:
        wishes = [book(desk, one, session_ids[n % 30]) for n, one in enumerate(crowd)]
        await asyncio.gather(stopped(platform, by, StopScope(days[0], days[-1])), *wishes)
    assert await count(platform, "appointments", "status = 'booked'") == 0
    assert await count(platform, "clinic_sessions", "booked <> 0 OR stopped_at IS NULL") == 0
    clock.now += GRACE
    await carry_on(platform)
    taken = await count(platform, "appointments")
    assert await count(platform, "messages", "kind = 'stopped'") == taken
    await assert_audit_clean(platform)


async def test_a_stop_that_died_half_way_is_carried_on(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by, _ = await clinic(platform, tuple(THURSDAY + timedelta(days=n) for n in range(5)))
    monkeypatch.setattr(stops, "SESSIONS_A_CHUNK", 2)
    scope = StopScope(THURSDAY, THURSDAY + timedelta(days=4))
    stop_id = await stopped(platform, by, scope)
    # As it stands where the process ends after the first chunk.
    await change(
        platform,
        "WITH left_over AS (DELETE FROM stop_sessions WHERE clinic_session_id IN"
        " (SELECT id FROM clinic_sessions ORDER BY id OFFSET 2) RETURNING clinic_session_id)"
        " UPDATE clinic_sessions SET stopped_at = NULL"
        " WHERE id IN (SELECT clinic_session_id FROM left_over)",
    )
    await change(platform, "UPDATE stops SET done_at = NULL")
    await carry_on(platform)
    assert await count(platform, "clinic_sessions", "stopped_at IS NULL") == 0
    found = await report(platform, by, stop_id)
    assert found is not None
    assert found.stop.done_at == clock.now
    assert found.progress.sessions == 5


async def test_a_day_of_two_thousand_bookings_is_stopped_and_each_person_told_once(
    platform: Platform, clock: Clock
) -> None:
    by, session_ids = await clinic(platform, (THURSDAY,) * 100)
    await add_crowd(platform, 2000)
    await change(platform, _TWO_THOUSAND, clock.now, clock.now)
    await draw_codes(platform)
    found = await preview(platform, by, WHOLE_DAY)
    assert isinstance(found, list)
    assert [(one.sessions, one.bookings) for one in found] == [(100, 2000)]
    stop_id = await stopped(platform, by)
    assert await count(platform, "appointments", "status = 'stopped'") == 2000
    assert await count(platform, "clinic_sessions", "booked = 0") == len(session_ids)
    clock.now += GRACE
    await asyncio.gather(carry_on(platform), carry_on(platform))
    told = await ask(
        platform,
        "SELECT count(*), count(DISTINCT appointment_id), count(DISTINCT account_id)"
        " FROM messages WHERE kind = 'stopped'",
    )
    assert told == [(2000, 2000, 2000)]
    deferred = await ask(
        platform,
        "SELECT count(*), count(DISTINCT told.id) FROM procrastinate_jobs,"
        " jsonb_array_elements(args -> 'message_ids') AS told (id)"
        " WHERE task_name = 'deliver_messages'",
    )
    assert deferred == [(2000, 2000)]
    clock.now = at("2026-12-03T20:00")
    assert await sweep(platform) == 0
    assert await count(platform, "patients", "suspended_until IS NOT NULL") == 0
    done = await report(platform, by, stop_id)
    assert done is not None
    assert (done.progress.bookings, done.progress.on_the_way) == (2000, 2000)
    await assert_audit_clean(platform)


# The n-th twenty of the crowd in the n-th session.
_TWO_THOUSAND = """
    WITH taken AS (UPDATE clinic_sessions SET booked = 20)
    INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                              visit_date, channel, code_enc, code_index, booked_at,
                              changed_at)
    SELECT p.id, s.id, s.hospital_id, s.department_id, s.visit_date, 'api',
           '', sha256(int8send(p.id)), %s, %s
    FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 20 AS nth FROM patients) p
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS nth FROM clinic_sessions) s USING (nth)
"""
