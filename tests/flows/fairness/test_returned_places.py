"""A place that comes back to a full session waits for a draw, whatever brought it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import psycopg
import pytest
from tests.city import (
    MONDAY_MORNING,
    Clock,
    add_account,
    add_patient,
    cancel_for_caller,
    draw_codes,
    open_platform,
)
from tests.supply import Rows

from guahao.flows.booking.cancelling import cancel
from guahao.flows.fairness.declining import decline
from guahao.flows.fairness.returning import follow_modes
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.displacing import displace_registrations
from guahao.flows.supply import own_sessions, schedules, stops, timetables
from guahao.flows.supply.bulk import acts, weekly
from guahao.flows.supply.bulk.acts import Undone
from guahao.flows.supply.bulk.weekly import Added, WeeklyPlan
from guahao.flows.supply.feeding import WantedSession, publish_sessions
from guahao.flows.supply.following import Following
from guahao.flows.supply.imports import importing
from guahao.flows.supply.timetables import AddedSession, SessionChange
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.bulk import Change
from guahao.rules.supply.changes import Clinic
from guahao.store.booking.appointments import lock_sessions
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.bulk import SavedAct, Selection
from guahao.store.supply.stops import StopScope

TODAY = MONDAY_MORNING.date()
DAY = TODAY + timedelta(days=3)
NEXT_DRAW = MONDAY_MORNING + timedelta(hours=1)  # asked at 9:00, drawn at 10:00
CLINIC = Clinic("普通门诊", "", "morning", time(8), time(10), 5000, 3)
HEAD = "科室,职称,就诊日期,时段,开始时间,结束时间,费用,号源数\n"


@dataclass
class Place:
    """A session of three places whose patients are booked, and who may change it."""

    platform: Platform
    clock: Clock
    rows: Rows
    by: Staff
    department_id: int
    session_id: int
    patient_ids: list[int]
    appointment_ids: list[int]

    def counters(self, session_id: int | None = None) -> tuple[int, int, int, datetime | None]:
        """Free, held and reserved places, and the next draw."""
        capacity, booked, held, reserved, draw_at = self.rows.one(
            "SELECT capacity, booked, held, reserved, draw_at FROM clinic_sessions"
            f" WHERE id = {session_id or self.session_id}"
        )
        return capacity - booked - held - reserved, held, reserved, draw_at

    def causes(self) -> list[tuple[str, int]]:
        """Why places wait, and how many."""
        return self.rows.all(
            "SELECT cause, places FROM held_places WHERE released_at IS NULL ORDER BY id"
        )


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    async with open_platform(database_url, clock, policy=policy) as opened:
        yield opened


async def place(
    platform: Platform, clock: Clock, rows: Rows, booked: int = 3, day: date = DAY
) -> Place:
    hospital_id = rows.hospital()
    parent_id = rows.department(hospital_id)
    department_id = rows.department(
        hospital_id, name="心内科", parent_id=parent_id, external_id="D1"
    )
    session_id = rows.session(
        *(hospital_id, department_id, day),
        external_id="S1",
        starts_at=time(8),
        ends_at=time(10),
        capacity=3,
    )
    patient_ids = [
        (await add_patient(platform, await add_account(platform, number), number)).id
        for number in range(1, booked + 1)
    ]
    appointment_ids = [rows.appointment(id, session_id) for id in patient_ids]
    await draw_codes(platform)
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    return Place(
        *(platform, clock, rows, by, department_id, session_id, patient_ids, appointment_ids)
    )


Way = Callable[[Place], Awaitable[None]]


async def by_agent(at: Place) -> None:
    cancelled = await cancel_for_caller(at.platform, at.appointment_ids[0])
    assert isinstance(cancelled, AppointmentView)


async def by_patient(at: Place) -> None:
    account_id = _account(at)
    assert isinstance(await cancel(at.platform, account_id, at.appointment_ids[0]), AppointmentView)


async def by_declining(at: Place) -> None:
    [draw_id] = at.rows.one(
        "INSERT INTO draws (hospital_id, department_id, kind, draw_at, closes_at, opened_at,"
        " commitment, secret_enc, long_waits_percent)"
        f" VALUES ({at.by.hospital_id}, {at.department_id}, 'returned', now(), now(), now(), '',"
        " '', 20) RETURNING id"
    )
    now, until = at.clock.now, at.clock.now + timedelta(hours=24)
    at.rows.conn.execute(
        "INSERT INTO wins (appointment_id, draw_id, patient_id, won_at, declinable_until)"
        " VALUES (%s, %s, %s, %s, %s)",
        (at.appointment_ids[0], draw_id, at.patient_ids[0], now, until),
    )
    declined = await decline(at.platform, _account(at), at.appointment_ids[0])
    assert isinstance(declined, AppointmentView)


async def by_displacing(at: Place) -> None:
    async with at.platform.db.transaction() as tx:
        assert (await displace_registrations(tx, at.platform, at.patient_ids[0])).cancelled == 1


async def by_form(at: Place) -> None:
    changed = await timetables.change_session(at.platform, at.by, at.session_id, 4, 5000)
    assert isinstance(changed, SessionChange)


async def by_one_call(at: Place) -> None:
    await own_sessions.change_places(at.platform, at.by, "S1", 4)


async def by_the_whole_list(at: Place) -> None:
    await publish_sessions(at.platform, at.by, [wanted("S1", 4)])


async def by_import(at: Place) -> None:
    await carry_out(at, f"心内科,普通门诊,{DAY},上午,08:00,10:00,50,4\n")


async def by_the_timetable(at: Place) -> None:
    timetable_id = at.rows.timetable(
        at.by.own_hospital_id,
        at.department_id,
        iso_weekday=DAY.isoweekday(),
        valid_from=TODAY,
        valid_until=DAY,
        starts_at=time(8),
        ends_at=time(10),
        capacity=3,
    )
    at.rows.conn.execute(
        "UPDATE clinic_sessions SET timetable_id = %s, external_id = NULL", (timetable_id,)
    )
    changed = await timetables.change(at.platform, at.by, timetable_id, replace(CLINIC, capacity=4))
    assert isinstance(changed, Following)


async def in_bulk(at: Place, capacity: int) -> int:
    selected, wanted = Selection(DAY, DAY), Change(capacity=capacity)
    found = await acts.preview_change(at.platform, at.by, selected, wanted)
    assert not isinstance(found, Refused)
    version = acts.change_version(found)
    act = await acts.change(at.platform, at.by, selected, wanted, "加号", version)
    assert isinstance(act, SavedAct)
    return act.id


async def by_bulk(at: Place) -> None:
    await in_bulk(at, 4)


async def by_undoing_bulk(at: Place) -> None:
    at.rows.conn.execute("UPDATE clinic_sessions SET capacity = 4")
    fewer = await in_bulk(at, 3)
    assert isinstance(await acts.undo(at.platform, at.by, fewer), Undone)


async def by_undoing_a_stop(at: Place) -> None:
    """The stopped patient books elsewhere meanwhile, so that one booking cannot come back."""
    stop_id = await stops.stop(at.platform, at.by, StopScope(DAY, DAY), "医生请假")
    assert isinstance(stop_id, int)
    for _ in range(2):
        other = at.rows.session(
            at.rows.hospital(), at.rows.department(at.by.own_hospital_id), DAY, title="普通门诊"
        )
        at.rows.appointment(at.patient_ids[0], other)
    await stops.undo(at.platform, at.by, stop_id)


def _account(at: Place) -> int:
    [account_id] = at.rows.one(f"SELECT account_id FROM patients WHERE id = {at.patient_ids[0]}")
    return int(account_id)


def wanted(external_id: str, capacity: int) -> WantedSession:
    return WantedSession(
        external_id, "D1", "普通门诊", "", DAY, "morning", time(8), time(10), 5000, capacity
    )


async def carry_out(at: Place, rows: str) -> None:
    import_id = await importing.receive(at.platform, at.by, "x.csv", (HEAD + rows).encode())
    assert isinstance(import_id, int)
    await importing.carry_out(at.platform, import_id)
    assert await importing.confirm(at.platform, at.by, import_id) == DONE
    await importing.carry_out(at.platform, import_id)


WAYS = {
    "cancelled": [by_agent, by_patient],
    "declined": [by_declining],
    "displaced": [by_displacing],
    "capacity_raised": [
        *(by_form, by_one_call, by_the_whole_list, by_import),
        *(by_the_timetable, by_bulk, by_undoing_bulk),
    ],
    "stop_undone": [by_undoing_a_stop],
}
EACH_WAY = [(way, cause) for cause, ways in WAYS.items() for way in ways]


@pytest.mark.parametrize(("way", "cause"), EACH_WAY)
async def test_a_place_of_a_full_session_waits_for_the_next_draw(
    platform: Platform, clock: Clock, rows: Rows, way: Way, cause: str
) -> None:
    at = await place(platform, clock, rows)
    await way(at)
    assert at.counters() == (0, 1, 0, NEXT_DRAW)
    assert at.causes() == [(cause, 1)]


@pytest.mark.parametrize("way", [way for way, _ in EACH_WAY])
async def test_a_place_is_free_at_once_where_the_buyer_could_simply_book(
    platform: Platform, clock: Clock, rows: Rows, way: Way
) -> None:
    at = await place(platform, clock, rows, booked=2)
    await way(at)
    assert at.counters() == (2, 0, 0, None)


@pytest.mark.parametrize("way", [way for way, _ in EACH_WAY])
async def test_after_the_last_draw_a_place_is_the_counters(
    platform: Platform, clock: Clock, rows: Rows, way: Way
) -> None:
    clock.now = datetime.combine(DAY - timedelta(days=1), time(13, 31), CITY_TIME)
    at = await place(platform, clock, rows)
    await way(at)
    assert at.counters() == (0, 0, 1, None)


@pytest.mark.parametrize("way", [way for way, _ in EACH_WAY])
async def test_a_city_without_draws_gives_it_to_the_fastest(
    database_url: str, clock: Clock, rows: Rows, way: Way
) -> None:
    policy = Policy(
        cancel_channels=frozenset({"agent", "patient"}),
        draw_returned_places=False,
    )
    async with open_platform(database_url, clock, policy=policy) as platform:
        at = await place(platform, clock, rows)
        await way(at)
        assert at.counters() == (1, 0, 0, None)


# Sessions that are published after their date was released ------------------------------------


async def late_by_form(at: Place) -> None:
    clinic = Clinic("普通门诊", "", "afternoon", None, None, 5000, 2)
    added = await timetables.add_session(at.platform, at.by, at.department_id, DAY, clinic)
    assert isinstance(added, AddedSession)


async def late_by_the_whole_list(at: Place) -> None:
    await publish_sessions(at.platform, at.by, [wanted("S2", 2)])


async def late_by_import(at: Place) -> None:
    await carry_out(at, f"心内科,普通门诊,{DAY},下午,13:30,15:00,50,2\n")


async def late_by_a_timetable(at: Place) -> None:
    span = (TODAY + timedelta(days=1), DAY)
    clinic = Clinic("普通门诊", "", "afternoon", None, None, 5000, 2)
    plan = WeeklyPlan(at.department_id, (DAY.isoweekday(),), span, (clinic,), on_holidays=False)
    assert isinstance(await weekly.add(at.platform, at.by, plan), Added)


async def late_by_the_nightly_roll_out(at: Place) -> None:
    at.rows.timetable(
        at.by.own_hospital_id,
        at.department_id,
        iso_weekday=DAY.isoweekday(),
        valid_from=TODAY,
        valid_until=DAY,
        capacity=2,
        period="afternoon",
    )
    assert await schedules.roll_forward(at.platform) == 1


LATE = [
    late_by_form,
    late_by_the_whole_list,
    late_by_import,
    late_by_a_timetable,
    late_by_the_nightly_roll_out,
]


@pytest.mark.parametrize("way", LATE)
async def test_a_session_that_comes_after_its_release_is_drawn(
    platform: Platform, clock: Clock, rows: Rows, way: Way
) -> None:
    at = await place(platform, clock, rows)
    await way(at)
    [session_id] = rows.one(f"SELECT id FROM clinic_sessions WHERE id <> {at.session_id}")
    assert at.counters(session_id) == (0, 2, 0, NEXT_DRAW)
    assert at.causes() == [("published_late", 2)]


async def test_a_session_of_a_date_that_is_not_released_yet_is_free(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    at = await place(platform, clock, rows)
    rows.conn.execute("UPDATE hospitals SET cycle_days = 2")
    await late_by_form(at)
    [session_id] = rows.one(f"SELECT id FROM clinic_sessions WHERE id <> {at.session_id}")
    assert at.counters(session_id) == (2, 0, 0, None)


# Release mode `draw` --------------------------------------------------------------------------


async def by_draw(rows: Rows, at: Place, referral_percent: int = 0) -> datetime:
    """Let the hospital draw its places; its dates are released two days before, at 7:00."""
    rows.conn.execute("UPDATE hospitals SET cycle_days = 2, release_time = '07:00'")
    rows.conn.execute(
        "INSERT INTO release_modes (hospital_id, mode, referral_percent, holds_from, reason,"
        " decided_by, decided_at) VALUES (%s, 'draw', %s, '2026-01-01', '', '', now())",
        (at.by.hospital_id, referral_percent),
    )
    return datetime.combine(DAY - timedelta(days=2), time(7), CITY_TIME)


async def test_every_place_of_a_contested_clinic_waits_for_its_release(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    at = await place(platform, clock, rows)
    release = await by_draw(rows, at)
    await late_by_form(at)
    [session_id] = rows.one(f"SELECT id FROM clinic_sessions WHERE id <> {at.session_id}")
    assert at.counters(session_id) == (0, 2, 0, release)
    assert at.causes() == [("release", 2)]


async def test_referrals_have_their_declared_share(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    at = await place(platform, clock, rows)
    release = await by_draw(rows, at, referral_percent=50)
    await late_by_form(at)
    [session_id] = rows.one(f"SELECT id FROM clinic_sessions WHERE id <> {at.session_id}")
    assert at.counters(session_id) == (0, 1, 1, release)
    assert sorted(at.causes()) == [("referral", 1), ("release", 1)]


async def test_referrals_have_their_share_of_the_whole_however_it_grows(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    """Of each place by itself a fifth is none."""
    at = await place(platform, clock, rows)
    await by_draw(rows, at, referral_percent=20)
    await late_by_form(at)
    [session_id] = rows.one(f"SELECT id FROM clinic_sessions WHERE id <> {at.session_id}")
    for capacity in range(3, 11):
        outcome = await timetables.change_session(at.platform, at.by, session_id, capacity, None)
        assert not isinstance(outcome, Refused)
    assert at.counters(session_id)[1:3] == (8, 2)
    assert at.counters(session_id)[0] == 0


async def test_a_mode_holds_and_frees_the_sessions_that_are_there(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    at = await place(platform, clock, rows, booked=0)
    release = await by_draw(rows, at)
    async with platform.db.transaction() as tx:
        await lock_sessions(tx, [at.session_id])
        await follow_modes(tx, platform, [at.session_id])
    assert at.counters() == (0, 3, 0, release)
    rows.conn.execute("UPDATE release_modes SET mode = 'first_come'")
    async with platform.db.transaction() as tx:
        await lock_sessions(tx, [at.session_id])
        await follow_modes(tx, platform, [at.session_id])
    assert at.counters() == (3, 0, 0, None)
    assert at.causes() == []


async def test_fewer_places_are_taken_from_those_that_wait_the_latest_first(
    platform: Platform, clock: Clock, rows: Rows
) -> None:
    at = await place(platform, clock, rows)
    await by_agent(at)
    clock.forward(hours=2)
    at.appointment_ids.pop(0)
    await by_agent(at)
    assert at.counters() == (0, 2, 0, NEXT_DRAW)
    changed = await timetables.change_session(platform, at.by, at.session_id, 2, 5000)
    assert isinstance(changed, SessionChange)
    assert at.counters() == (0, 1, 0, NEXT_DRAW)
    assert at.causes() == [("cancelled", 1)]
    await timetables.change_session(platform, at.by, at.session_id, 1, 5000)
    assert at.counters() == (0, 0, 0, None)
    assert at.causes() == []
