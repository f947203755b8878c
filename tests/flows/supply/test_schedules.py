"""The supply: what is listed and in which state, rolled forward, stopped."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, time, timedelta

import psycopg
import pytest
from tests.city import NO_DRAWS, Clock, open_platform, stop_session
from tests.supply import Rows, at

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.flows.supply.schedules import list_sessions, roll_forward
from guahao.rules.kernel.limits import add_months
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.stops import StopRefusal
from guahao.store.kernel.views import SessionView

TODAY = date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)
NEXT_WEEK = TODAY + timedelta(days=7)


@pytest.fixture
def clock() -> Clock:
    return Clock(at("2026-11-23T10:00"))


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=NO_DRAWS) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


# Listing ------------------------------------------------------------------------


async def test_sessions_come_by_date_period_start_and_title(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    eight, ten = time(8), time(10)
    in_order = [
        (TOMORROW, "morning", None, "知名专家"),
        (TOMORROW, "morning", eight, "主任医师"),
        (TOMORROW, "morning", eight, "副主任医师"),
        (TOMORROW, "morning", ten, "主任医师"),
        (TOMORROW, "afternoon", None, "主任医师"),
        (TOMORROW, "evening", None, "主任医师"),
        (NEXT_WEEK, "morning", None, "主任医师"),
    ]
    for day, period, starts_at, title in reversed(in_order):
        rows.session(
            hospital_id, department_id, day, period=period, starts_at=starts_at, title=title
        )
    listed = await _listed(platform, hospital_id, department_id)
    assert [(one.visit_date, one.period, one.starts_at, one.title) for one, _ in listed] == in_order


async def test_each_session_says_whether_it_can_be_booked(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    hospital_id = rows.hospital(cycle_days=14, release_time=time(7, 30))
    department_id = rows.department(hospital_id)
    newest = TODAY + timedelta(days=14)
    rows.session(hospital_id, department_id, TODAY)
    rows.session(hospital_id, department_id, TOMORROW)
    rows.session(hospital_id, department_id, NEXT_WEEK, title="a", booked=20)
    rows.session(hospital_id, department_id, NEXT_WEEK, title="b", stopped_at=clock.now)
    rows.session(hospital_id, department_id, NEXT_WEEK, title="c", booked=19)
    rows.session(hospital_id, department_id, newest)
    rows.session(hospital_id, department_id, newest + timedelta(days=1))
    shown = ["closed", "available", "full", "stopped", "available", "available", "not_released"]
    assert await _states(platform, hospital_id, department_id) == shown
    clock.now = at("2026-11-23T07:29:59")
    early = [*shown[:5], "not_released", "not_released"]
    assert await _states(platform, hospital_id, department_id) == early
    clock.now = at("2026-11-23T15:00")
    late = ["closed", "closed", *shown[2:]]
    assert await _states(platform, hospital_id, department_id) == late


async def test_what_lies_in_the_past_is_not_listed_even_when_asked_for(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    yesterday = TODAY - timedelta(days=1)
    rows.session(hospital_id, department_id, yesterday)
    rows.session(hospital_id, department_id, TODAY)
    assert await _days(platform, hospital_id, department_id, date_from=yesterday) == [TODAY]
    assert await _days(platform, hospital_id, department_id, date_to=yesterday) == []


async def test_dates_title_and_specialty_narrow_the_list(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    days = [TOMORROW + timedelta(days=n) for n in range(4)]
    for day in days:
        rows.session(hospital_id, department_id, day, title="主任医师", specialty="哮喘")
        rows.session(hospital_id, department_id, day, title="主任医师", specialty="咳嗽")
        rows.session(hospital_id, department_id, day)
    first, last = days[1], days[2]
    span = await _days(platform, hospital_id, department_id, date_from=first, date_to=last)
    assert span == [first] * 3 + [last] * 3
    experts = await _days(platform, hospital_id, department_id, title="主任医师")
    assert len(experts) == 2 * len(days)
    asthma = await _days(
        platform, hospital_id, department_id, title="主任医师", specialty="哮喘", date_from=last
    )
    assert asthma == days[2:]


async def test_a_department_off_the_platform_lists_nothing(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id, on_platform=False)
    rows.session(hospital_id, department_id, TOMORROW)
    assert await _days(platform, hospital_id, department_id) == []


async def test_a_department_is_listed_under_its_own_hospital_only(
    platform: Platform, rows: Rows
) -> None:
    hospital_id, elsewhere = rows.hospital(), rows.hospital()
    department_id = rows.department(hospital_id)
    rows.session(hospital_id, department_id, TOMORROW)
    assert await _days(platform, elsewhere, department_id) == []
    assert await _days(platform, hospital_id, department_id) == [TOMORROW]


# Rolling forward ----------------------------------------------------------------


@pytest.mark.parametrize("today", ["2026-07-01", "2026-11-30", "2027-02-28", "2028-02-29"])
async def test_all_that_can_be_booked_today_or_tomorrow_is_rolled_out(
    platform: Platform, rows: Rows, clock: Clock, today: str
) -> None:
    clock.now = at(f"{today}T02:00")
    hospital_ids = [rows.hospital(), rows.hospital()]
    for hospital_id in hospital_ids:
        department_id = rows.department(hospital_id)
        for weekday in range(1, 8):
            rows.timetable(hospital_id, department_id, iso_weekday=weekday, on_holidays=True)
    made = await roll_forward(platform)
    spans = rows.all(
        "SELECT hospital_id, min(visit_date), max(visit_date), count(*)"
        " FROM clinic_sessions GROUP BY hospital_id ORDER BY hospital_id"
    )
    assert [span[0] for span in spans] == hospital_ids
    assert sum(span[3] for span in spans) == made
    for _, first, last, days in spans:
        assert first == clock.now.date()
        assert last >= add_months(first + timedelta(days=1), 3)
        assert days == (last - first).days + 1


async def test_the_next_night_adds_one_day(platform: Platform, rows: Rows, clock: Clock) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    for weekday in range(1, 8):
        rows.timetable(hospital_id, department_id, iso_weekday=weekday)
    assert await roll_forward(platform, days=30) == 31
    assert await roll_forward(platform, days=30) == 0
    clock.now += timedelta(days=1)
    assert await roll_forward(platform, days=30) == 1


async def test_rolling_forward_leaves_what_is_booked_and_stopped_as_it_is(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    rows.timetable(hospital_id, rows.department(hospital_id), iso_weekday=2)
    await roll_forward(platform, days=7)
    rows.conn.execute("UPDATE clinic_sessions SET booked = 3, stopped_at = now(), capacity = 5")
    await roll_forward(platform, days=7)
    kept = rows.one("SELECT booked, capacity, stopped_at IS NOT NULL FROM clinic_sessions")
    assert kept == (3, 5, True)


# Stopping -----------------------------------------------------------------------


async def test_stopping_frees_every_live_booking_and_tells_its_account(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    session_id = _session(rows)
    patient_ids = [rows.patient() for _ in range(3)]
    booked = [rows.appointment(patient_id, session_id) for patient_id in patient_ids]
    stopped_at = clock.now
    assert isinstance(await stop_session(platform, session_id), int)
    assert rows.one("SELECT booked, stopped_at FROM clinic_sessions") == (0, stopped_at)
    assert rows.all("SELECT id, status, changed_at FROM appointments ORDER BY id") == [
        (id, "stopped", stopped_at) for id in booked
    ]
    await _end_of_grace(platform, clock)
    accounts = [row[0] for row in rows.all("SELECT account_id FROM patients ORDER BY id")]
    assert rows.all(
        "SELECT kind, account_id, patient_id, appointment_id, state, created_at"
        " FROM messages ORDER BY id"
    ) == [
        ("stopped", *told, "queued", clock.now)
        for told in zip(accounts, patient_ids, booked, strict=True)
    ]


async def test_one_job_delivers_all_the_messages_of_a_stop(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    session_id = _session(rows)
    for _ in range(3):
        rows.appointment(rows.patient(), session_id)
    await stop_session(platform, session_id)
    await _end_of_grace(platform, clock)
    message_ids = [row[0] for row in rows.all("SELECT id FROM messages ORDER BY id")]
    assert rows.all("SELECT task_name, queue_name, args FROM procrastinate_jobs") == [
        ("deliver_messages", "notices", {"message_ids": message_ids})
    ]


async def test_only_live_bookings_are_stopped(platform: Platform, rows: Rows) -> None:
    session_id = _session(rows)
    for status in ("booked", "picked_up", "no_show", "unverified", "cancelled"):
        rows.appointment(rows.patient(), session_id, status)
    await stop_session(platform, session_id)
    assert [row[0] for row in rows.all("SELECT status FROM appointments ORDER BY id")] == [
        *("stopped", "picked_up", "no_show", "unverified", "cancelled"),
    ]
    assert rows.one("SELECT booked FROM clinic_sessions") == (3,)


async def test_a_session_is_stopped_once(platform: Platform, rows: Rows, clock: Clock) -> None:
    session_id = _session(rows)
    rows.appointment(rows.patient(), session_id)
    stopped_at = clock.now
    await stop_session(platform, session_id)
    await _end_of_grace(platform, clock)
    assert await stop_session(platform, session_id) == Refused(StopRefusal.NOTHING)
    await _end_of_grace(platform, clock)
    assert rows.one("SELECT stopped_at FROM clinic_sessions") == (stopped_at,)
    assert rows.one("SELECT count(*) FROM messages") == (1,)
    assert rows.one("SELECT count(*) FROM procrastinate_jobs") == (1,)


async def test_two_stops_at_once_tell_nobody_twice(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    session_id = _session(rows)
    rows.appointment(rows.patient(), session_id)
    await asyncio.gather(*(stop_session(platform, session_id) for _ in range(5)))
    await _end_of_grace(platform, clock)
    assert rows.one("SELECT count(*) FROM messages") == (1,)


async def test_an_empty_session_is_stopped_without_a_job(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    session_id = _session(rows)
    assert isinstance(await stop_session(platform, session_id), int)
    await _end_of_grace(platform, clock)
    assert rows.all("SELECT id FROM procrastinate_jobs") == []


async def test_a_person_without_an_account_is_stopped_but_not_told(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    session_id = _session(rows)
    rows.appointment(rows.patient(with_account=False), session_id)
    await stop_session(platform, session_id)
    await _end_of_grace(platform, clock)
    assert rows.one("SELECT status FROM appointments") == ("stopped",)
    assert rows.all("SELECT id FROM messages") == []


async def test_a_booking_that_commits_while_a_stop_waits_is_stopped_too(
    platform: Platform, rows: Rows, database_url: str
) -> None:
    session_id, patient_id = _session(rows), rows.patient()
    with psycopg.connect(database_url) as other:
        Rows(other).appointment(patient_id, session_id)  # holds the session's row until commit
        stopping = asyncio.create_task(stop_session(platform, session_id))
        await _until_somebody_waits(rows)
        assert not stopping.done()
        other.commit()
    await stopping
    assert rows.one("SELECT status FROM appointments") == ("stopped",)
    assert rows.one("SELECT booked FROM clinic_sessions") == (0,)


async def _end_of_grace(platform: Platform, clock: Clock) -> None:
    """Let the time to undo pass, and notify the patients of all stops."""
    clock.now += stops.GRACE
    await stops.carry_on(platform)


def _session(rows: Rows) -> int:
    hospital_id = rows.hospital()
    return rows.session(hospital_id, rows.department(hospital_id), TOMORROW)


async def _until_somebody_waits(rows: Rows) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while True:
        if rows.one(f"{waiting} AND datname = current_database()") != (0,):
            return
        await asyncio.sleep(0.01)


async def _listed(
    platform: Platform,
    hospital_id: int,
    department_id: int,
    date_from: date | None = None,
    date_to: date | None = None,
    title: str | None = None,
    specialty: str | None = None,
) -> list[tuple[SessionView, str]]:
    return await list_sessions(
        platform, hospital_id, department_id, date_from, date_to, title, specialty
    )


async def _states(platform: Platform, hospital_id: int, department_id: int) -> list[str]:
    return [state for _, state in await _listed(platform, hospital_id, department_id)]


async def _days(
    platform: Platform,
    hospital_id: int,
    department_id: int,
    date_from: date | None = None,
    date_to: date | None = None,
    title: str | None = None,
    specialty: str | None = None,
) -> list[date]:
    listed = await _listed(
        platform, hospital_id, department_id, date_from, date_to, title, specialty
    )
    return [one.visit_date for one, _ in listed]
