"""The swap index shows which returned places of full sessions were taken in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from tests.report_city import TODAY, Booking, City, Clinic
from tests.supply import Rows, at
from tests.web.administration.reports.test_reports import charts, tables
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

BOOKED = at("2026-11-20 07:00")
CANCELLED = at("2026-11-25 09:00")
SECOND = timedelta(seconds=1)


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def city(rows: Rows) -> City:
    city = City(rows)
    city.add_hospital("安澜市甲医院", "甲内科", "甲外科")
    return city


def clinic(city: City, department: str = "甲内科", capacity: int = 2) -> Clinic:
    return city.add_clinic("安澜市甲医院", department, TODAY, capacity=capacity)


def returned(
    city: City,
    where: Clinic,
    *,
    others: int = 1,
    rebooked: timedelta | None = None,
    channel: str = "web",
) -> Booking:
    """A booking that was cancelled beside `others`, and perhaps booked again after a while."""
    for _ in range(others):
        city.book(where, BOOKED)
    booking = city.book(where, BOOKED, status="cancelled", changed_at=CANCELLED, channel=channel)
    if rebooked is not None:
        city.book(where, CANCELLED + rebooked)
    return booking


async def report(site: Site, by: str, first: date = date(2026, 11, 24)) -> list[list[str]]:
    auditor: Reader = await at_the_desk(site, Role.AUDITOR)
    await auditor.go(f"/staff/reports/swaps?from={first}&to=2026-11-26&by={by}")
    assert charts(auditor)
    return tables(auditor)[0][1:]


@pytest.mark.parametrize(
    ("rebooked", "counted"),
    [
        (None, ["1", "0", "0.0%"]),
        (0 * SECOND, ["1", "1", "100.0%"]),
        (10 * SECOND, ["1", "1", "100.0%"]),
        (11 * SECOND, ["1", "0", "0.0%"]),
        (-SECOND, ["1", "0", "0.0%"]),  # a booking before it took another place
    ],
)
async def test_a_place_counts_as_swapped_within_ten_seconds(
    site: Site, city: City, rebooked: timedelta | None, counted: list[str]
) -> None:
    others = 0 if rebooked == -SECOND else 1
    returned(city, clinic(city), others=others, rebooked=rebooked)
    assert (await report(site, "hospital"))[-1] == ["合计", *counted]


async def test_a_place_of_a_session_with_free_places_is_no_swap(site: Site, city: City) -> None:
    """The buyer could simply have booked. Beside it, one of a full session."""
    returned(city, clinic(city, capacity=3), rebooked=SECOND)
    returned(city, clinic(city, "甲外科"), rebooked=SECOND)
    rows = await report(site, "department")
    assert rows == [
        ["甲外科 · 安澜市甲医院", "1", "1", "100.0%"],
        ["合计", "1", "1", "100.0%"],
    ]


async def test_who_had_left_before_does_not_make_a_session_full(site: Site, city: City) -> None:
    earlier = BOOKED - timedelta(days=2)
    for where, others in ((clinic(city), 1), (clinic(city, "甲外科"), 0)):
        left = earlier + timedelta(hours=1)
        city.book(where, earlier, status="cancelled", changed_at=left)
        returned(city, where, others=others, rebooked=SECOND)
    assert await report(site, "department") == [
        ["甲内科 · 安澜市甲医院", "1", "1", "100.0%"],
        ["合计", "1", "1", "100.0%"],
    ]


async def test_days_without_any_are_shown(site: Site, city: City) -> None:
    returned(city, clinic(city), rebooked=SECOND)
    rows = await report(site, "day")
    assert [row[1:3] for row in rows] == [["0", "0"], ["1", "1"], ["0", "0"], ["1", "1"]]


async def test_a_hospital_and_a_department_are_counted_alone(site: Site, city: City) -> None:
    returned(city, clinic(city), rebooked=SECOND)
    returned(city, clinic(city, "甲外科"))
    auditor = await at_the_desk(site, Role.AUDITOR)
    hospital, department = city.hospitals["安澜市甲医院"], city.departments["甲外科"]
    days = "from=2026-11-24&to=2026-11-26"
    for chosen, counted in (
        (f"hospital={hospital}", ["2", "1", "50.0%"]),
        (f"hospital={hospital}&department={department}", ["1", "0", "0.0%"]),
    ):
        answer = await auditor.go(f"/staff/reports/swaps?{days}&by=channel&{chosen}")
        assert answer.status_code == 200
        assert tables(auditor)[0][-1] == ["合计", *counted]
        assert (await auditor.go(f"/staff/reports/fairness?{days}&{chosen}")).status_code == 200
        assert counted[0] in tables(auditor)[0][1]


async def test_channels_are_those_of_the_cancelled_bookings(site: Site, city: City) -> None:
    returned(city, clinic(city), rebooked=SECOND, channel="phone")
    returned(city, clinic(city, "甲外科"), channel="api")
    rows = await report(site, "channel")
    assert rows[:2] == [["114电话", "1", "1", "100.0%"], ["开放接口", "1", "0", "0.0%"]]


async def test_the_member_of_staff_who_cancelled_is_named(site: Site, city: City) -> None:
    booking = returned(city, clinic(city), rebooked=SECOND)
    returned(city, clinic(city, "甲外科"))
    city.rows.conn.execute(
        "INSERT INTO audit_trail (seq, at, who_kind, who_id, who_name, action, subject_kind,"
        " subject_id, reason_enc, previous_hash, hash)"
        " VALUES (999999, now(), 'staff', 1, 'agent-7', 'cancel_appointment', 'appointment',"
        " %s, '', '', '')",
        (booking.id,),
    )
    rows = await report(site, "staff")
    assert rows[:2] == [
        ["agent-7", "1", "1", "100.0%"],
        ["就诊人本人或医院系统", "1", "0", "0.0%"],
    ]


async def test_a_hospital_s_staff_do_not_see_it(site: Site, city: City) -> None:
    scheduler = await at_the_desk(site, Role.SCHEDULER, city.hospitals["安澜市甲医院"])
    answer = await scheduler.go("/staff/reports/swaps")
    assert answer.status_code == 403


async def test_cancellations_are_found_by_their_time(site: Site) -> None:
    async with site.platform.db.transaction() as tx:
        await tx.do("SET LOCAL enable_seqscan = off")
        plan = await tx.rows(
            """
            EXPLAIN SELECT id FROM appointments WHERE status = 'cancelled'
              AND changed_at >= '2026-11-01' AND changed_at < '2026-12-01'
            """
        )
    assert any("appointments_cancelled" in line for (line,) in plan), plan
