"""What is offered after a refusal: only what the desk would accept, the nearest first."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from tests.city import Clock, change, open_platform
from tests.crowd import Person, add_crowd, book, booked, open_desk
from tests.supply import Rows, at

from guahao.flows.booking.alternatives import alternatives
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.store.kernel.views import AppointmentView

TODAY = date(2026, 11, 23)


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock(at("2026-11-23T10:00"))) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@dataclass
class Clinic:
    rows: Rows
    hospital: int
    department: int

    def session(self, days: int, **columns: Any) -> int:
        day = TODAY + timedelta(days=days)
        return self.rows.session(self.hospital, self.department, day, **columns)


@pytest.fixture
def clinic(rows: Rows) -> Clinic:
    hospital = rows.hospital()
    return Clinic(rows, hospital, rows.department(hospital))


@pytest.fixture
async def person(platform: Platform) -> Person:
    [one] = await add_crowd(platform, 1)
    return one


async def _offered(platform: Platform, person: Person, session: int, most: int = 9) -> list[int]:
    found = await alternatives(platform, person.account_id, person.patient_id, session, most)
    return [one.id for one in found]


async def test_the_nearest_dates_come_first_then_the_same_title_and_period(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    full = clinic.session(5, booked=20)
    other_title = clinic.session(5, title="主任医师")
    other_period = clinic.session(5, period="evening")
    next_day, week_later = clinic.session(6), clinic.session(12)
    day_before = clinic.session(4)
    assert await _offered(platform, person, full) == [
        other_period, other_title, next_day, day_before, week_later,
    ]  # fmt: skip
    assert await _offered(platform, person, full, most=1) == [other_period]


async def test_nothing_is_offered_that_the_law_refuses(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    full = clinic.session(5, booked=20)
    clinic.session(0)
    clinic.session(6, booked=20)
    clinic.session(7, stopped_at=at("2026-11-23T09:00"))
    clinic.session(120)
    assert await _offered(platform, person, full) == []


async def test_the_patients_limits_are_read_fresh(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    first, same_day, later = clinic.session(5), clinic.session(5), clinic.session(9)
    assert await _offered(platform, person, first) == [same_day, later]
    await booked(platform, person, first)
    assert await _offered(platform, person, same_day) == [later]


async def test_three_within_seven_days_offer_a_date_beyond_them(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    sessions = {days: clinic.session(days) for days in (5, 6, 7, 8, 11, 12, 14)}
    for days in (5, 6, 7):
        await booked(platform, person, sessions[days])
    assert await _offered(platform, person, sessions[8]) == [sessions[14], sessions[12]][::-1]


async def test_what_is_offered_the_desk_accepts(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    taken, second = clinic.session(5), clinic.session(5)
    clinic.session(6)
    await booked(platform, person, taken)
    async with open_desk(platform) as desk:
        refused = await book(desk, person, second, "first try")
        assert isinstance(refused, Refused)
        assert refused.reason is Refusal.DUPLICATE_DEPARTMENT
        [offered] = await _offered(platform, person, second)
        assert isinstance(await book(desk, person, offered, "second try"), AppointmentView)


async def test_the_suspended_and_strangers_are_offered_nothing(
    platform: Platform, clinic: Clinic, person: Person
) -> None:
    full, _ = clinic.session(5, booked=20), clinic.session(6)
    stranger = person.account_id + 1
    assert await alternatives(platform, stranger, person.patient_id, full) == []
    assert await _offered(platform, person, full + 1000) == []
    await change(platform, "UPDATE patients SET suspended_until = '2026-12-24'")
    assert await _offered(platform, person, full) == []
