"""No-shows and suspensions as the account sees them."""

from collections.abc import AsyncIterator, Iterator
from datetime import date

import psycopg
import pytest
from tests.city import Clock, add_account, add_patient, change, open_platform
from tests.supply import Rows, at

from guahao.flows.attendance.standing import standings
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.penalties import Suspension


@pytest.fixture
def clock() -> Clock:
    return Clock(at("2026-11-23T10:00"))


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


def _no_shows(rows: Rows, patient_id: int, *days: date) -> None:
    hospital = rows.hospital()
    for day in days:
        session = rows.session(hospital, rows.department(hospital), day)
        rows.appointment(patient_id, session, "no_show")


async def test_the_no_shows_of_this_year_and_the_suspension_they_led_to(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    account_id = await add_account(platform)
    first = await add_patient(platform, account_id, 1)
    second = await add_patient(platform, account_id, 2)
    stranger = await add_patient(platform, await add_account(platform, 3), 3)
    this_year = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 10, 30)]
    _no_shows(rows, first.id, *this_year, date(2025, 12, 31))
    _no_shows(rows, stranger.id, date(2026, 10, 5))
    await change(
        platform, "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s", first.id
    )
    suspended, clean = await standings(platform, account_id)
    assert (suspended.patient.id, suspended.no_shows) == (first.id, this_year)
    assert suspended.suspension == Suspension(date(2026, 10, 30), date(2027, 1, 30))
    assert (clean.patient.id, clean.no_shows, clean.suspension) == (second.id, [], None)
    clock.now = at("2027-01-30T00:00")
    over, _ = await standings(platform, account_id)
    assert (over.no_shows, over.suspension) == ([], None)
