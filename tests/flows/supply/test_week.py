"""A department's seven days: a word for each date, and the sessions of the chosen one."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncCursor
from tests.city import Clock, open_platform
from tests.supply import Rows, at

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.schedules import one_session
from guahao.flows.supply.week import Week, department_week

TODAY = date(2026, 11, 23)
FULL = {"booked": 20}


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


class Clinic:
    """A department, and sessions some days from today."""

    def __init__(self, rows: Rows, **hospital: Any) -> None:
        self.rows = rows
        self.hospital = rows.hospital(**hospital)
        self.department = rows.department(self.hospital)

    def session(self, days: int, **columns: Any) -> int:
        day = TODAY + timedelta(days=days)
        return self.rows.session(self.hospital, self.department, day, **columns)


async def _week(platform: Platform, clinic: Clinic, day: date | None = None, **more: str) -> Week:
    week = await department_week(platform, clinic.department, day, **more)
    assert week is not None
    return week


def _words(week: Week) -> list[str]:
    return [day.state for day in week.days]


async def test_every_day_of_a_week_has_its_word(platform: Platform, rows: Rows) -> None:
    clinic = Clinic(rows, cycle_days=5, release_time="08:30")
    clinic.session(0)
    clinic.session(1, **FULL)
    clinic.session(2, stopped_at=at("2026-11-23T09:00"))
    clinic.session(4)
    clinic.session(5)
    clinic.session(6)
    week = await _week(platform, clinic)
    assert [day.day for day in week.days] == [TODAY + timedelta(days=n) for n in range(7)]
    assert _words(week) == [
        "closed", "full", "stopped", "no_clinic", "available", "available", "not_released"
    ]  # fmt: skip
    assert week.days[6].opens_at == at("2026-11-24T08:30")
    assert week.furthest == TODAY + timedelta(days=5)


async def test_a_day_beyond_the_horizon_is_not_released_whether_or_not_it_has_sessions(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    clinic = Clinic(rows, cycle_days=5, release_time="08:30")
    clinic.session(5)
    week = await _week(platform, clinic)
    assert _words(week)[4:] == ["no_clinic", "available", "not_released"]
    assert week.days[6].opens_at == at("2026-11-24T08:30")
    # Before the hour of the release its day is as far away as any other.
    clock.now = at("2026-11-23T08:29")
    week = await _week(platform, clinic)
    assert _words(week)[4:] == ["no_clinic", "not_released", "not_released"]
    assert week.days[5].opens_at == at("2026-11-23T08:30")
    assert week.furthest == TODAY + timedelta(days=4)


async def test_a_day_is_called_by_the_best_that_is_to_be_had(
    platform: Platform, rows: Rows
) -> None:
    clinic = Clinic(rows)
    for columns in (FULL, {"stopped_at": at("2026-11-23T09:00")}, {}):
        clinic.session(2, **columns)
    clinic.session(3, **FULL)
    clinic.session(3, stopped_at=at("2026-11-23T09:00"))
    assert _words(await _week(platform, clinic))[2:4] == ["available", "full"]


async def test_the_next_day_is_closed_from_its_stop_time_on(
    platform: Platform, rows: Rows, clock: Clock
) -> None:
    clinic = Clinic(rows, next_day_stop_time="12:00")
    clinic.session(1)
    assert _words(await _week(platform, clinic))[1] == "available"
    clock.now = at("2026-11-23T12:00")
    assert _words(await _week(platform, clinic))[1] == "closed"


async def test_today_is_shown_and_closed_with_or_without_a_clinic(
    platform: Platform, rows: Rows
) -> None:
    week = await _week(platform, Clinic(rows))
    assert _words(week) == ["closed"] + ["no_clinic"] * 6
    assert week.chosen.day == TODAY
    assert week.sessions == []


async def test_the_first_day_that_can_be_booked_is_chosen_unless_one_is_asked_for(
    platform: Platform, rows: Rows
) -> None:
    clinic = Clinic(rows)
    full, free = clinic.session(1, **FULL), clinic.session(3)
    week = await _week(platform, clinic)
    assert (week.chosen.day, [one.slot.id for one in week.sessions]) == (
        TODAY + timedelta(days=3), [free],
    )  # fmt: skip
    week = await _week(platform, clinic, TODAY + timedelta(days=1))
    assert [(one.slot.id, one.state) for one in week.sessions] == [(full, "full")]


async def test_sessions_stand_by_period_and_start(platform: Platform, rows: Rows) -> None:
    clinic = Clinic(rows)
    evening = clinic.session(2, period="evening")
    late = clinic.session(2, starts_at="10:00", ends_at="12:00")
    early = clinic.session(2, starts_at="08:00", ends_at="10:00")
    afternoon = clinic.session(2, period="afternoon")
    week = await _week(platform, clinic)
    assert [one.slot.id for one in week.sessions] == [early, late, afternoon, evening]


async def test_pages_are_counted_from_today_and_end_a_day_past_the_furthest(
    platform: Platform, rows: Rows
) -> None:
    clinic = Clinic(rows, cycle_days=13)
    first = await _week(platform, clinic)
    assert (first.earlier, first.later) == (None, TODAY + timedelta(days=7))
    second = await _week(platform, clinic, TODAY + timedelta(days=9))
    assert second.days[0].day == TODAY + timedelta(days=7)
    assert (second.earlier, second.later) == (TODAY, TODAY + timedelta(days=14))
    third = await _week(platform, clinic, TODAY + timedelta(days=14))
    assert third.later is None
    assert (await _week(platform, clinic, date(2000, 1, 1))).days == first.days


async def test_title_and_specialty_narrow_the_week_but_not_the_choice(
    platform: Platform, rows: Rows
) -> None:
    clinic = Clinic(rows)
    clinic.session(1, title="普通门诊")
    chief = clinic.session(2, title="主任医师", specialty="高血压")
    clinic.session(2, title="主任医师", specialty="冠心病")
    week = await _week(platform, clinic, title="主任医师", specialty="高血压")
    assert _words(week)[1:4] == ["no_match", "available", "no_clinic"]
    assert [one.slot.id for one in week.sessions] == [chief]
    assert week.titles == ["普通门诊", "主任医师"]
    assert week.specialties == ["冠心病", "高血压"]


async def test_there_is_no_week_of_a_department_that_is_not_on_the_platform(
    platform: Platform, rows: Rows
) -> None:
    hidden = rows.department(rows.hospital(), on_platform=False)
    assert await department_week(platform, hidden) is None
    assert await department_week(platform, hidden + 1) is None
    assert await one_session(platform, rows.session(rows.hospital(), hidden, TODAY)) is None


async def test_one_session_comes_with_its_state_and_both_names(
    platform: Platform, rows: Rows
) -> None:
    hospital = rows.hospital(name_en="Test Hospital")
    department = rows.department(hospital, name_en="Cardiology")
    session = rows.session(hospital, department, TODAY + timedelta(days=2), **FULL)
    found = await one_session(platform, session)
    assert found is not None
    view, state = found
    assert (view.id, state) == (session, "full")
    assert (view.hospital_name_en, view.department_name_en) == ("Test Hospital", "Cardiology")
    assert await one_session(platform, session + 1) is None


async def test_a_week_is_two_queries(
    platform: Platform, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = Clinic(rows)
    for days in range(7):
        clinic.session(days)
    await platform.policies.refresh(platform.db)  # what holds is read once a day
    asked: list[str] = []
    execute = AsyncCursor.execute

    async def listen(cursor: Any, query: Any, *params: Any, **more: Any) -> Any:
        asked.append(str(query))
        return await execute(cursor, query, *params, **more)

    monkeypatch.setattr(AsyncCursor, "execute", listen)
    assert len((await _week(platform, clinic)).sessions) == 1
    # Its sessions, and how the hospital gives out its places.
    assert [one.split()[0] for one in asked] == ["SELECT", "SELECT"]
