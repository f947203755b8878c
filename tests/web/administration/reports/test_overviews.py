"""Each role begins at its own page; overviews and the hour after a release count what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import psycopg
import pytest
from tests.city import Clock
from tests.report_city import TODAY, City, busy_city
from tests.supply import Rows, at
from tests.web.browsing import Reader
from tests.web.charts.drawings import drawings
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import HOSPITAL_ROLES, Role
from guahao.web.administration.overviews import ReleaseWatch

A, B = "安澜市甲医院", "安澜市乙医院"


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def city(rows: Rows) -> City:
    return busy_city(rows)


def figures(reader: Reader) -> dict[str, str]:
    """Every big figure of a page, by its label."""
    found = re.findall(
        r'<p class="figure[^>]*><strong>(.*?)</strong> <span>(.*?)</span>', reader.text, re.DOTALL
    )
    return {re.sub("<.*?>", "", label): value.strip() for value, label in found}


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.AGENT, "/staff/calls"),
        (Role.CLERK, "/staff/window"),
        (Role.SCHEDULER, "/staff/schedule"),
        (Role.ADMINISTRATOR, "/staff/overview"),
        (Role.AUDITOR, "/staff/overview"),
    ],
)
async def test_each_role_begins_at_its_own_page(
    site: Site, rows: Rows, role: Role, path: str
) -> None:
    hospital = rows.hospital(name=A) if role in HOSPITAL_ROLES else None
    reader = await at_the_desk(site, role, hospital)
    answer = await reader.go("/staff")
    assert (answer.status_code, answer.url.path) == (200, path)
    # Where am I: a hospital's staff read its name in the head of every page.
    assert (f'<span class="bar__where">{A}</span>' in reader.text) is (hospital is not None)


async def test_the_citys_overview_counts_the_last_thirty_days(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go("/staff/overview")
    shown = figures(auditor)
    made = [one for one in city.bookings if TODAY - timedelta(days=29) <= one.made_on <= TODAY]
    past = [
        one for one in city.bookings if TODAY - timedelta(days=30) <= one.clinic.visit_date < TODAY
    ]
    came = sum(one.status == "picked_up" for one in past)
    missed = sum(one.status == "no_show" for one in past)
    assert shown["预约数"] == str(len(made))
    assert shown["爽约率"] == f"{100 * missed / (missed + came):.1f}%"
    by_day, by_channel = drawings(auditor.text)
    assert sum(int(n) for n in by_day.numbers.values()) == len(made)
    assert {name: int(n) for (_, name), n in by_channel.numbers.items()} == {
        words: sum(one.channel == channel for one in made)
        for channel, words in {
            "web": "网页", "wechat": "微信", "phone": "114电话", "api": "开放接口"
        }.items()
    }  # fmt: skip


@pytest.mark.usefixtures("city")
async def test_the_commission_sees_no_tasks_of_the_administrator(site: Site) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go("/staff/overview")
    assert "需要处理" not in auditor.text
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    await administrator.go("/staff/overview")
    assert {"昨天以来未送达的通知", "公开页面的内存命中率"} <= figures(administrator).keys()


async def test_silent_hospitals_are_named(site: Site, city: City) -> None:
    city.rows.conn.execute(
        "INSERT INTO hospital_clients (client_id, hospital_id, name, scopes, created_at)"
        " SELECT 'hc_' || lpad(to_hex(id), 16, '0'), id, 'HIS', '{supply}', now() FROM hospitals"
    )
    city.rows.conn.execute(
        "INSERT INTO hospital_calls (at, hospital_id, client_id, call, status, duration_ms,"
        " request_id) VALUES (%s, %s, 'hc_1', 'sessions', 200, 5, 'r')",
        (at("2026-11-30 07:00"), city.hospitals[A]),
    )
    city.rows.conn.execute(
        "UPDATE appointments SET status = 'unverified' WHERE hospital_id = %s"
        " AND status = 'picked_up'",
        (city.hospitals[A],),
    )
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    await administrator.go("/staff/overview")
    shown = figures(administrator)
    assert shown["一天没有调用接口的医院系统"] == "1"
    rows = re.findall(
        r'<th scope="row"><a href="[^"]*">(.*?)</a></th><td>(.*?)<', administrator.text
    )
    assert (B, "系统没有调用接口") in rows
    assert (A, "没有取号记录") in rows
    assert (A, "系统没有调用接口") not in rows


async def test_a_hospitals_day_is_its_own_and_says_who_is_missing(
    site: Site, clock: Clock, rows: Rows
) -> None:
    city = City(rows)
    city.add_hospital(A, "甲内科", "甲外科")
    city.add_hospital(B, "乙内科")
    morning = city.add_clinic(A, "甲内科", TODAY, starts_at=time(8), ends_at=time(12), capacity=9)
    late = city.add_clinic(A, "甲外科", TODAY, period="afternoon", capacity=9)
    elsewhere = city.add_clinic(B, "乙内科", TODAY, capacity=9)
    for clinic, statuses in (
        (morning, ("picked_up", "picked_up", "booked", "cancelled")),
        (late, ("booked", "booked")),
        (elsewhere, ("booked",)),
    ):
        for status in statuses:
            city.book(clinic, at("2026-11-20 09:00"), status=status)
    stopped = TODAY + timedelta(days=2)
    city.add_clinic(A, "甲外科", stopped, stopped_at=at("2026-11-29 09:00"))
    unverified = city.add_clinic(A, "甲内科", TODAY - timedelta(days=1))
    city.book(unverified, at("2026-11-20 09:00"), status="unverified")

    clock.now = at("2026-11-30 09:00")
    scheduler = await at_the_desk(site, Role.SCHEDULER, city.hospitals[A])
    await scheduler.go("/staff/schedule/overview")
    shown = figures(scheduler)
    assert [shown[name] for name in ("今日预约", "已到", "待到", "未到")] == ["5", "2", "3", "0"]
    assert (shown["待确认到诊"], shown["7天内停诊的门诊"]) == ("1", "1")
    assert "上午 11:30，还有1人未取号" in scheduler.text
    [chart] = drawings(scheduler.text)
    assert chart.numbers == {
        ("08:00", "已到"): "2", ("08:00", "待到"): "1", ("下午", "待到"): "2"
    }  # fmt: skip

    clock.now = at("2026-11-30 11:31")
    scheduler = await at_the_desk(site, Role.SCHEDULER, city.hospitals[A])
    await scheduler.go("/staff/schedule/overview")
    assert [figures(scheduler)[name] for name in ("待到", "未到")] == ["2", "1"]
    # The same for a clerk, and for an administrator under the hospital's address.
    clerk = await at_the_desk(site, Role.CLERK, city.hospitals[A])
    assert (await clerk.go("/staff/schedule/overview")).status_code == 200
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    await administrator.go(f"/staff/hospitals/{city.hospitals[B]}/overview")
    assert figures(administrator)["今日预约"] == "1"


def release(rows: Rows) -> City:
    """A hospital that released 14 December at 07:00 today, and what happened since."""
    city = City(rows)
    city.add_hospital(A, "甲内科", "甲外科", cycle_days=14, release_time=time(7, 0))
    opened = date(2026, 12, 14)
    full = city.add_clinic(A, "甲内科", opened, capacity=2)
    city.add_clinic(A, "甲外科", opened, capacity=5)
    city.add_clinic(A, "甲外科", opened + timedelta(days=1), capacity=5)  # tomorrow's
    for n, channel in enumerate(("web", "phone")):
        city.book(full, at(f"2026-11-30 07:00:0{n}"), channel=channel)
    rows.conn.execute("UPDATE clinic_sessions SET booked = 2 WHERE id = %s", (full.id,))
    requests = [("07:00:00", "booked"), ("07:00:01", "booked"), ("06:59:59", "sold_out")]
    requests += [("07:00:02", "sold_out")] * 3 + [("07:00:31", "day_limit")]
    for n, (clock, outcome) in enumerate(requests):
        rows.conn.execute(
            """
            INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                clinic_session_id, outcome, appointment_id, decided_at)
            VALUES ('account', 1, %s, 1, %s, %s, %s, %s)
            """,
            (
                *(str(n), full.id, outcome, 1 if outcome == "booked" else None),
                datetime.fromisoformat(f"2026-11-30 {clock}+08:00"),
            ),
        )
    return city


async def test_the_release_is_shown_as_it_happens(site: Site, clock: Clock, rows: Rows) -> None:
    release(rows)
    clock.now = at("2026-11-30 07:00") + timedelta(seconds=40)
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    await administrator.go("/staff/release")
    shown = figures(administrator)
    assert (shown["约上"], shown["未约成"]) == ("2", "4")
    assert (shown["约满的科室"], shown["还可约的号"]) == ("1 / 2", "5")
    assert "正在放号" in administrator.text
    assert 'hx-trigger="every 3s"' in administrator.text
    [chart] = drawings(administrator.text)
    assert chart.numbers == {
        ("07:00:00", "约上"): "1",
        ("07:00:01", "约上"): "1",
        ("07:00:02", "号已约满"): "3",
        ("07:00:31", "超出限次"): "1",
    }


async def test_the_outcome_of_the_last_release_stays_and_the_next_is_announced(
    site: Site, clock: Clock, rows: Rows
) -> None:
    release(rows)
    clock.now = at("2026-11-30 20:00")
    for role in (Role.ADMINISTRATOR, Role.AUDITOR, Role.SUPERVISOR):
        reader = await at_the_desk(site, role, language="en")
        await reader.go("/staff/release")
        assert figures(reader)["Booked"] == "2"
        assert "Next release: Tue 1 Dec, 07:00 (hospitals: 1)." in reader.text
        assert 'hx-trigger="every 30s"' in reader.text
    agent = await at_the_desk(site, Role.AGENT)
    assert (await agent.go("/staff/release")).status_code == 403


@pytest.mark.parametrize(
    "moment", ["x", "2026-11-30T07:00", "0001-01-01T00:00", "9999-12-31T23:59"]
)
async def test_any_address_of_a_release_shows_a_release(
    site: Site, clock: Clock, rows: Rows, moment: str
) -> None:
    release(rows)
    clock.now = at("2026-11-30 20:00")
    auditor = await at_the_desk(site, Role.AUDITOR)
    assert (await auditor.go(f"/staff/release?at={moment}")).status_code == 200
    assert figures(auditor)["约上"] == "2"


async def test_addresses_of_no_release_count_nothing_more(
    site: Site, clock: Clock, rows: Rows
) -> None:
    release(rows)
    clock.now = at("2026-11-30 19:30")
    watch = ReleaseWatch()
    moments = [None, *(clock.now - timedelta(minutes=minute) for minute in range(4))]
    platform = replace(site.platform, elapsed=lambda: 0.0)
    counted = [await watch.read(platform, moment) for moment in moments]
    assert all(known is counted[0] for known in counted)


async def test_overviews_of_an_empty_city_say_what_will_be_there(site: Site) -> None:
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    assert (await administrator.go("/staff/release")).status_code == 200
    assert "还没有医院放号" in administrator.text
    assert (await administrator.go("/staff/overview")).status_code == 200
    assert "最近30天没有预约" in administrator.text
