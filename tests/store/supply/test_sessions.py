"""Clinic sessions in the database: reading them back, rolling them out of timetables."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, time

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.supply import Rows, at

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_ASKED
from guahao.store.kernel.views import SessionView
from guahao.store.supply.sessions import SESSION_COLUMNS, roll_out, session_view, take_session

MONDAY = date(2026, 11, 30)
SUNDAY = date(2026, 12, 6)


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock(at("2026-11-23T10:00"))) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def test_a_session_is_read_back_as_it_was_written(platform: Platform, rows: Rows) -> None:
    hospital_rules = {
        "cycle_days": 28,
        "release_time": time(7, 30),
        "next_day_stop_time": time(14),
        "cancel_days_before": 2,
        "cancel_time": time(12),
        "pickup_until_morning": time(11),
        "pickup_until_afternoon": time(16),
        "pickup_until_evening": time(19, 30),
    }
    hospital_id = rows.hospital(name="安澜市眼科医院", pickup_place="一层", **hospital_rules)
    department_id = rows.department(hospital_id, name="青光眼科")
    times = {"starts_at": time(13, 30), "ends_at": time(15)}
    session_id = rows.session(
        hospital_id, department_id, MONDAY, title="主任医师", specialty="青光眼",
        period="afternoon", fee_fen=8000, capacity=9, booked=4, stopped_at=at("2026-11-23"),
        **times,
    )  # fmt: skip
    sql = f"""
        SELECT {SESSION_COLUMNS} FROM clinic_sessions s
        JOIN hospitals h ON h.id = s.hospital_id {RULES_ASKED}
        JOIN departments d ON d.id = s.department_id
    """
    async with platform.db.transaction() as tx:
        row = await tx.row(sql, (MONDAY,))
        named = await tx.record(lambda **columns: take_session(columns), sql, (MONDAY,))
    assert row is not None
    view = session_view(row)
    assert view == named == SessionView(
        session_id, hospital_id, "安澜市眼科医院", department_id, "青光眼科", "主任医师", "青光眼",
        MONDAY, "afternoon", time(13, 30), time(15), 8000, 9, 4, True, "一层",
        HospitalRules(28, time(7, 30), time(14), 2, time(12), time(11), time(16), time(19, 30)),
    )  # fmt: skip
    assert view.remaining == 5


async def test_a_timetable_becomes_a_session_on_each_of_its_weekdays(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    times = {"starts_at": time(8), "ends_at": time(10)}
    timetable_id = rows.timetable(
        hospital_id, department_id, iso_weekday=7, title="知名专家", specialty="哮喘",
        fee_fen=30000, capacity=3, **times,
    )  # fmt: skip
    assert await _roll_out(platform, hospital_id, MONDAY, date(2026, 12, 14)) == 2
    made = rows.all(
        "SELECT timetable_id, hospital_id, department_id, title, specialty, visit_date, period,"
        " starts_at, ends_at, fee_fen, capacity, booked FROM clinic_sessions ORDER BY visit_date"
    )
    of_timetable = (timetable_id, hospital_id, department_id, "知名专家", "哮喘")
    assert made == [
        (*of_timetable, day, "morning", time(8), time(10), 30000, 3, 0)
        for day in (SUNDAY, date(2026, 12, 13))
    ]


async def test_rolling_out_again_adds_only_what_is_missing(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    rows.timetable(hospital_id, department_id, iso_weekday=1)
    assert await _roll_out(platform, hospital_id, MONDAY, SUNDAY) == 1
    rows.timetable(hospital_id, department_id, iso_weekday=7)
    assert await _roll_out(platform, hospital_id, MONDAY, SUNDAY) == 1
    assert await _roll_out(platform, hospital_id, MONDAY, SUNDAY) == 0


async def test_a_timetable_holds_from_its_first_to_its_last_day(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    second, third = date(2026, 12, 7), date(2026, 12, 14)
    rows.timetable(hospital_id, department_id, valid_from=second, valid_until=third)
    assert await _roll_out(platform, hospital_id, MONDAY, date(2026, 12, 31)) == 2
    days = rows.all("SELECT visit_date FROM clinic_sessions ORDER BY visit_date")
    assert days == [(second,), (third,)]


async def test_a_department_off_the_platform_gets_no_sessions(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    rows.timetable(hospital_id, rows.department(hospital_id, on_platform=False))
    assert await _roll_out(platform, hospital_id, MONDAY, SUNDAY) == 0


async def test_two_workers_at_once_make_each_session_once(platform: Platform, rows: Rows) -> None:
    hospital_id = rows.hospital()
    department_id = rows.department(hospital_id)
    for weekday in range(1, 8):
        rows.timetable(hospital_id, department_id, iso_weekday=weekday)
    last = date(2027, 2, 28)
    made = await asyncio.gather(*(_roll_out(platform, hospital_id, MONDAY, last) for _ in range(4)))
    assert sum(made) == (last - MONDAY).days + 1
    assert rows.one("SELECT count(*) FROM clinic_sessions") == (sum(made),)


async def _roll_out(platform: Platform, hospital_id: int, first: date, last: date) -> int:
    async with platform.db.transaction() as tx:
        return len(await roll_out(tx, hospital_id, first, last))
