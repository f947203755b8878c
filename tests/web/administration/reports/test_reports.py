"""Reports say what a test counts by itself, to whoever may read them, on pages and in Excel."""

from __future__ import annotations

import asyncio
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from html.parser import HTMLParser
from itertools import product
from typing import Any

import psycopg
import pytest
from python_calamine import CalamineWorkbook
from tests.report_city import TODAY, Booking, City, busy_city
from tests.supply import Rows, at
from tests.web.browsing import Reader
from tests.web.charts.drawings import Drawing, drawings
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.staff.staff import Role
from guahao.store.reports import scope
from guahao.web.administration.reports import REPORTS
from guahao.words.dates import format_day, format_duration, format_time

FIRST, LAST = date(2026, 11, 15), date(2026, 12, 15)
DAYS = f"from={FIRST}&to={LAST}"
A, B = "安澜市甲医院", "安澜市乙医院"


class _Tables(HTMLParser):
    """The cells of a page's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "table":
            self.found.append([])
        elif tag == "tr" and self.found:
            self.found[-1].append([])
        elif tag in ("td", "th"):
            self.found[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.found[-1][-1][-1] += data


def tables(reader: Reader) -> list[list[list[str]]]:
    """Every table of the page, its heading first."""
    parser = _Tables()
    parser.feed(reader.text)
    return parser.found


def charts(reader: Reader) -> list[Drawing]:
    return drawings(reader.text)


def percent(part: int, whole: int) -> str:
    return f"{round(part / whole, 3) * 100:.1f}%" if whole else "–"


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def city(rows: Rows) -> City:
    return busy_city(rows)


# Bookings -------------------------------------------------------------------------------------

KEYS: dict[str, Callable[[Booking], str]] = {
    "hospital": lambda one: one.clinic.hospital,
    "department": lambda one: f"{one.clinic.department} · {one.clinic.hospital}",
    "title": lambda one: one.clinic.title,
    "channel": lambda one: {"web": "网页", "wechat": "微信", "phone": "114电话", "api": "开放接口"}[
        one.channel
    ],
}


def said_statuses(bookings: list[Booking]) -> list[str]:
    """The cells that tell of these bookings."""
    by = Counter(one.status for one in bookings)
    order = ("booked", "picked_up", "cancelled", "no_show", "unverified", "stopped")
    return [
        str(len(bookings)),
        *(str(by[status]) for status in order),
        percent(by["cancelled"], len(bookings)),
        percent(by["no_show"], by["no_show"] + by["picked_up"]),
    ]


async def test_bookings_are_counted_by_group(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    for by, basis in product(KEYS, ("visit", "made")):
        await _bookings_are_counted(auditor, city, by, basis)


async def _bookings_are_counted(auditor: Reader, city: City, by: str, basis: str) -> None:
    await auditor.go(f"/staff/reports?{DAYS}&by={by}&day={basis}")
    within = [
        one
        for one in city.bookings
        if FIRST <= (one.clinic.visit_date if basis == "visit" else one.made_on) <= LAST
    ]
    assert len(within) > 50
    groups: dict[str, list[Booking]] = {}
    for one in within:
        groups.setdefault(KEYS[by](one), []).append(one)
    [[_, *said]] = tables(auditor)
    assert said.pop() == ["合计", *said_statuses(within)]
    assert {row[0]: row[1:] for row in said} == {
        name: said_statuses(ones) for name, ones in groups.items()
    }
    assert [int(row[1]) for row in said] == sorted((int(row[1]) for row in said), reverse=True)
    [chart] = charts(auditor)
    assert chart.categories == [row[0] for row in said]
    columns = {"待取号": (2,), "已取号": (3,), "已退号": (4,), "爽约": (5,), "停诊、待确认": (6, 7)}
    assert chart.numbers == {
        (row[0], name): str(number)
        for row in said
        for name, which in columns.items()
        if (number := sum(int(row[n]) for n in which))
    }


async def test_bookings_are_counted_for_every_day(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    for basis in ("visit", "made"):
        await _days_are_counted(auditor, city, basis)


async def _days_are_counted(auditor: Reader, city: City, basis: str) -> None:
    await auditor.go(f"/staff/reports?{DAYS}&by=day&day={basis}")
    [[_, *said]] = tables(auditor)
    days = [FIRST + timedelta(days=n) for n in range(31)]
    assert said[:-1] == [
        [
            format_day(day, "zh", TODAY),
            *said_statuses(
                [
                    one
                    for one in city.bookings
                    if (one.clinic.visit_date if basis == "visit" else one.made_on) == day
                ]
            ),
        ]
        for day in days
    ]
    [chart] = charts(auditor)
    assert chart.categories == [format_day(day, "zh", TODAY) for day in days]
    assert [chart.numbers[row[0], "预约数"] for row in said[:-1]] == [row[1] for row in said[:-1]]


async def test_a_report_is_narrowed_to_a_hospital_and_a_department(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    hospital, department = city.hospitals[A], city.departments["甲外科"]
    await auditor.go(f"/staff/reports?{DAYS}&by=department&hospital={hospital}")
    [[_, *said]] = tables(auditor)
    assert {row[0] for row in said} == {"甲内科", "甲外科", "合计"}
    await auditor.go(f"/staff/reports?{DAYS}&by=title&hospital={hospital}&department={department}")
    [[_, *said]] = tables(auditor)
    assert said[-1][1:] == said_statuses(
        [
            one
            for one in city.bookings
            if one.clinic.department == "甲外科" and FIRST <= one.clinic.visit_date <= LAST
        ]
    )


async def test_lead_time_is_the_days_from_booking_to_visit(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go(f"/staff/reports/lead?{DAYS}&by=hospital")
    leads = {
        name: sorted(
            (one.clinic.visit_date - one.made_on).days
            for one in city.bookings
            if one.clinic.hospital == name and FIRST <= one.clinic.visit_date <= LAST
        )
        for name in (A, B)
    }
    spread, usual = tables(auditor)
    counts = Counter(leads[A] + leads[B])
    assert [row[:2] for row in spread[1:]] == [[str(d), str(counts[d])] for d in sorted(counts)]
    assert spread[-1][3] == "100.0%"
    assert {row[0]: row[1:] for row in usual[1:]} == {
        name: [
            str(len(days)),
            str(round(sum(days) / len(days), 1)),
            str(days[(len(days) + 1) // 2 - 1]),
            str(days[-(-len(days) * 9 // 10) - 1]),
        ]
        for name, days in leads.items()
    }


async def test_bookings_after_their_visit_have_no_lead_time(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    pages = [
        f"/staff/reports/lead?{DAYS}&day={basis}&by={by}"
        for basis in ("visit", "made")
        for by in ("hospital", "department")
    ]

    async def shown(path: str) -> list[list[list[str]]]:
        assert (await auditor.go(path)).status_code == 200, path
        return tables(auditor)

    before = [await shown(path) for path in pages]
    clinic = city.add_clinic(A, "甲内科", TODAY - timedelta(days=9))
    for days in (1, 5):
        booked_at = datetime.combine(clinic.visit_date, time(9), CITY_TIME) + timedelta(days=days)
        city.book(clinic, booked_at, status="unverified")
    assert [await shown(path) for path in pages] == before


# Supply ---------------------------------------------------------------------------------------


async def test_the_fill_rate_is_places_booked_of_places_offered(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go(f"/staff/reports/fill?{DAYS}&layout=hospital_weekday")
    [[head, *said]] = tables(auditor)
    offered = [c for c in city.clinics if FIRST <= c.visit_date <= LAST and not c.stopped]
    weekdays = sorted({one.visit_date.isoweekday() for one in offered})
    assert head[4:] == [f"周{'一二三四五六日'[day - 1]}" for day in weekdays]

    def cells(name: str | None) -> list[str]:
        mine = [one for one in offered if name in (None, one.hospital)]

        def rate(clinics: list[Any]) -> tuple[int, int]:
            return sum(map(city.taken, clinics)), sum(one.capacity for one in clinics)

        booked, capacity = rate(mine)
        by_day = [rate([c for c in mine if c.visit_date.isoweekday() == d]) for d in weekdays]
        return [
            str(capacity),
            str(booked),
            percent(booked, capacity),
            *(percent(*one) for one in by_day),
        ]

    assert {row[0]: row[1:] for row in said} == {A: cells(A), B: cells(B), "合计": cells(None)}
    [chart] = charts(auditor)
    shares = {
        f"{row[0]} · {day}": share
        for row in said[:-1]
        for day, share in zip(head[4:], row[4:], strict=True)
        if share != "–"
    }
    assert {cell: said.split()[0] for cell, said in chart.tips} == shares


async def test_the_heat_map_has_the_sides_that_were_chosen(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    offered = [c for c in city.clinics if FIRST <= c.visit_date <= LAST and not c.stopped]
    places = [sum(one.capacity for one in offered), sum(city.taken(one) for one in offered)]
    rows_are = {
        "date_period": len({one.visit_date for one in offered}),
        "weekday_period": len({one.visit_date.weekday() for one in offered}),
        "title_weekday": 2,
        "department_weekday": 3,
        "hospital_period": 2,
    }
    for layout, count in rows_are.items():
        await auditor.go(f"/staff/reports/fill?{DAYS}&layout={layout}")
        [[_, *said]] = tables(auditor)
        assert len(said) == count + 1
        assert said[-1][1:3] == [str(one) for one in places]


def rushed_city(rows: Rows) -> City:
    """Clinics whose release and last place are known, worked out by hand."""
    city = City(rows)
    # Fourteen days ahead at 08:00; three months ahead at 07:30; seven days at 08:00, and from
    # 24 November on thirty days at 09:00.
    city.add_hospital(A, "甲内科", cycle_days=14, release_time=time(8))
    city.add_hospital(B, "乙内科", release_time=time(7, 30))
    city.add_hospital("安澜市丙医院", "丙内科", cycle_days=7, release_time=time(8))
    rows.conn.execute(
        """
        INSERT INTO hospital_rules (hospital_id, holds_from, cycle_days, release_time,
            next_day_stop_time, cancel_days_before, cancel_time, pickup_until_morning,
            pickup_until_afternoon, pickup_until_evening)
        VALUES (%s, '2026-11-24', 30, '09:00', '15:00', 1, '15:00', '11:30', '16:30', '20:00')
        """,
        (city.hospitals["安澜市丙医院"],),
    )
    return city


def rush(
    city: City, hospital: str, visit: str, released: str, *seconds: float, capacity: int = 2
) -> datetime:
    """A clinic and bookings so many seconds after its release."""
    department = {A: "甲内科", B: "乙内科"}.get(hospital, "丙内科")
    clinic = city.add_clinic(hospital, department, date.fromisoformat(visit), capacity=capacity)
    for one in seconds:
        city.book(clinic, at(released) + timedelta(seconds=one))
    return at(released)


C = "安澜市丙医院"
# Hospital, visit date, release by hand, seconds of the bookings, minutes it took.
RUSHES = [
    (A, "2026-12-10", "2026-11-26 08:00", (20, 50), 50 / 60),
    # Three months back from 31 December is the 30th of September, of which three months later is
    # only the 30th: the date opens on 1 October.
    (B, "2026-12-31", "2026-10-01 07:30", (60, 240), 4.0),
    (B, "2027-02-28", "2026-11-28 07:30", (5, 1800), 30.0),
    # Beyond the old cycle when the longer one began: open from the first minute of that day.
    (C, "2026-12-05", "2026-11-24 00:00", (1, 7200), 120),
    (C, "2026-12-28", "2026-11-28 09:00", (1, 86401), 1440),
    # Still under the old rules.
    (C, "2026-11-29", "2026-11-22 08:00", (0, 36), 0.6),
]


async def test_time_to_sold_out_runs_from_the_release(site: Site, rows: Rows) -> None:
    city = rushed_city(rows)
    for hospital, visit, released, seconds, _ in RUSHES:
        rush(city, hospital, visit, released, *seconds)
    rush(city, A, "2026-12-11", "2026-11-27 08:00", 5, capacity=3)  # places are left
    city.add_clinic(A, "甲内科", date(2026, 12, 20))  # not released before 6 December
    # The places of the first of them are both for patients of one phone.
    rows.conn.execute(
        """
        UPDATE patients p SET phone_slot = 2, account_id = (
            SELECT min(account_id) FROM patients q JOIN appointments b ON b.patient_id = q.id
            WHERE b.clinic_session_id = %s)
        FROM appointments a WHERE a.id = %s AND a.patient_id = p.id
        """,
        (city.bookings[1].clinic.id, city.bookings[1].id),
    )
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go("/staff/reports/sold-out?from=2026-11-01&to=2027-03-31&by=hospital")
    spread, groups, fastest = tables(auditor)
    assert [row[:2] for row in spread[1:]] == [
        ["1分钟内", "2"],
        ["1–5分钟", "1"],
        ["5–30分钟", "1"],
        ["30分钟–2小时", "1"],
        ["2–24小时", "0"],
        ["1–7天", "1"],
        ["7天以上", "0"],
        ["合计", "6"],
    ]
    assert {row[0]: row[1:5] for row in groups[1:]} == {
        A: ["2", "1", "50.0%", "50秒"],
        B: ["2", "2", "100.0%", "4分"],
        C: ["3", "3", "100.0%", "2小时"],
    }
    expected = sorted(RUSHES, key=lambda one: one[3][-1])
    assert [(row[0], row[4], row[7], row[8], row[10]) for row in fastest[1:]] == [
        (
            hospital,
            format_day(date.fromisoformat(visit), "zh", TODAY),
            "1" if hospital == A else "2",
            format_time(at(released), "zh", TODAY),
            format_duration(timedelta(minutes=minutes), "zh"),
        )
        for hospital, visit, released, _, minutes in expected
    ]


async def test_a_place_given_back_is_sold_out_only_when_it_is_taken_again(
    site: Site, rows: Rows
) -> None:
    city = rushed_city(rows)
    opens = at("2026-11-26 08:00")

    def later(minutes: float) -> datetime:
        return opens + timedelta(minutes=minutes)

    # Both places gone after 2 minutes; that one comes back and goes again changes nothing.
    once = city.add_clinic(A, "甲内科", date(2026, 12, 10), capacity=2)
    city.book(once, later(1), status="cancelled", changed_at=later(60))
    city.book(once, later(2))
    city.book(once, later(120))
    # Given back before the second place went: full only after 9 minutes.
    twice = city.add_clinic(A, "甲内科", date(2026, 12, 10), capacity=2, title="普通门诊")
    city.book(twice, later(1), status="cancelled", changed_at=later(3))
    city.book(twice, later(4))
    city.book(twice, later(9))
    # At one and the same moment a place is given back and taken: never full.
    never = city.add_clinic(A, "甲内科", date(2026, 12, 10), capacity=2, title="知名专家")
    city.book(never, later(1), status="cancelled", changed_at=later(5))
    city.book(never, later(5), status="cancelled", changed_at=later(6))
    city.book(never, later(7))
    # Stopped: nothing to be looked for.
    stopped = city.add_clinic(
        A, "甲内科", date(2026, 12, 10), capacity=1, title="医师", stopped_at=later(50)
    )
    city.book(stopped, later(1), status="stopped", changed_at=later(50))
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go("/staff/reports/sold-out?from=2026-12-01&to=2026-12-20")
    _, groups, fastest = tables(auditor)
    assert [(row[2], row[10]) for row in fastest[1:]] == [("主任医师", "2分"), ("普通门诊", "9分")]
    assert {row[0]: row[1:4] for row in groups[1:]} == {
        "主任医师": ["1", "1", "100.0%"],
        "普通门诊": ["1", "1", "100.0%"],
        "知名专家": ["1", "0", "0.0%"],
    }


# Messages, refusals, suspensions ----------------------------------------------------------------


def add_messages(city: City) -> list[tuple[int, str, str, str, date]]:
    """Of every third booking some messages: booking, kind, channel, state, day."""
    states = ("delivered", "failed", "submitted", "expired", "unknown", "queued", "by_phone")
    added = []
    for n, booking in enumerate(city.bookings[::3]):
        kind, state = ("booked", "reminder", "stopped")[n % 3], states[n % 7]
        day = TODAY - timedelta(days=n % 5)
        city.rows.conn.execute(
            """
            INSERT INTO messages (kind, account_id, appointment_id, state, created_at, changed_at)
            VALUES (%s, 1, %s, %s, %s, now())
            """,
            (kind, booking.id, state, at(f"{day.isoformat()} 23:59")),
        )
        added.append((booking.id, kind, "sms", state, day))
    return added


async def test_messages_that_did_not_arrive_are_counted(site: Site, city: City) -> None:
    added = add_messages(city)
    auditor = await at_the_desk(site, Role.AUDITOR)
    for by in ("day", "kind", "channel"):
        await _messages_are_counted(auditor, added, by)


async def _messages_are_counted(
    auditor: Reader, added: list[tuple[int, str, str, str, date]], by: str
) -> None:
    await auditor.go(f"/staff/reports/messages?period=last7&by={by}")
    words = {"booked": "预约成功", "reminder": "就诊提醒", "stopped": "停诊", "sms": "手机短信"}

    def cells(states: list[str]) -> list[str]:
        by_state = Counter(states)
        order = ("delivered", "submitted", "queued", "failed", "expired", "unknown", "by_phone")
        lost = by_state["failed"] + by_state["expired"] + by_state["unknown"]
        counts = [str(by_state[state]) for state in order]
        return [str(len(states)), *counts, percent(lost, len(states))]

    groups: dict[str, list[str]] = {}
    for _, kind, channel, state, day in added:
        key = {"day": format_day(day, "zh", TODAY), "kind": words[kind], "channel": words[channel]}
        groups.setdefault(key[by], []).append(state)
    [[_, *said]] = tables(auditor)
    assert said.pop() == ["合计", *cells([one[3] for one in added])]
    written = {row[0]: row[1:] for row in said if row[1] != "0"}
    assert written == {name: cells(states) for name, states in groups.items()}


def add_requests(city: City) -> Counter[tuple[str, str]]:
    """What was asked of each hospital, and the answer."""
    refusals = ("sold_out", "sold_out", "day_limit", "not_released", "patient_suspended")
    answers = ("booked", *refusals, "seven_day_limit", "session_stopped")
    added: Counter[tuple[str, str]] = Counter()
    for n, booking in enumerate(city.bookings):
        outcome = answers[n % len(answers)]
        city.rows.conn.execute(
            """
            INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                clinic_session_id, outcome, appointment_id, decided_at)
            VALUES ('account', 1, %s, 1, %s, %s, %s, %s)
            """,
            (
                str(n),
                booking.clinic.id,
                outcome,
                booking.id if outcome == "booked" else None,
                at("2026-11-29 12:00"),
            ),
        )
        added[booking.clinic.hospital, outcome] += 1
    return added


async def test_refusals_are_counted_by_reason_and_by_hospital(site: Site, city: City) -> None:
    added = add_requests(city)
    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go("/staff/reports/refusals?period=last7")
    by_reason: Counter[str] = Counter()
    for (_, outcome), count in added.items():
        by_reason[outcome] += count
    everything, refused = by_reason.total(), by_reason.total() - by_reason["booked"]
    [[_, *said]] = tables(auditor)
    assert said.pop()[1] == str(refused)
    assert sorted((row[1:] for row in said), key=str) == sorted(
        (
            [str(count), percent(count, refused), percent(count, everything)]
            for outcome, count in by_reason.items()
            if outcome != "booked"
        ),
        key=str,
    )
    assert said[0][0] == "号已约满"
    await auditor.go("/staff/reports/refusals?period=last7&by=hospital")
    [[_, *said]] = tables(auditor)
    families = (
        {"sold_out"},
        {"day_limit", "seven_day_limit"},
        {"not_released"},
        {"patient_suspended"},
        {"session_stopped"},
    )
    assert {row[0]: row[1:4] + row[5:] for row in said[:-1]} == {
        name: [
            str(sum(added[name, outcome] for outcome in by_reason)),
            str(added[name, "booked"]),
            str(sum(added[name, o] for o in by_reason if o != "booked")),
            *(str(sum(added[name, o] for o in family)) for family in families),
        ]
        for name in (A, B)
    }


async def test_suspensions_are_derived_by_month_for_the_city(site: Site, rows: Rows) -> None:
    city = City(rows)
    city.add_hospital(A, "甲内科")

    def misses(*days: str, excused: int = 0) -> None:
        patient = rows.patient()
        for n, day in enumerate(days):
            clinic = city.add_clinic(A, "甲内科", date.fromisoformat(day))
            missed = city.book(clinic, at("2026-01-01 09:00"), status="no_show", patient=patient)
            if n < excused:
                rows.conn.execute(
                    "INSERT INTO no_show_excuses (appointment_id, staff_id, reason_enc, excused_at)"
                    " SELECT %s, id, '', now() FROM staff LIMIT 1",
                    (missed.id,),
                )

    auditor = await at_the_desk(site, Role.AUDITOR)
    # From 20 July until 20 October.
    misses("2026-05-01", "2026-06-01", "2026-07-20")
    # From 5 March; the sixth on 30 April lengthens it until 30 October, as one suspension.
    misses("2026-03-01", "2026-03-03", "2026-03-05", "2026-04-01", "2026-04-02", "2026-04-30")
    # Excused: only two count.
    misses("2026-08-01", "2026-08-02", "2026-08-03", excused=1)
    # From 10 November on, still running.
    misses("2026-11-02", "2026-11-06", "2026-11-10")
    await auditor.go("/staff/reports/suspensions")
    [[_, *said]] = tables(auditor)
    assert said == [
        ["2026年1月", "0", "0", "0"],
        ["2026年2月", "0", "0", "0"],
        ["2026年3月", "1", "0", "1"],
        ["2026年4月", "0", "0", "1"],
        ["2026年5月", "0", "0", "1"],
        ["2026年6月", "0", "0", "1"],
        ["2026年7月", "1", "0", "2"],
        ["2026年8月", "0", "0", "2"],
        ["2026年9月", "0", "0", "2"],
        ["2026年10月", "0", "2", "0"],
        ["2026年11月", "1", "0", "1"],
    ]


# Who, and what is wrong -------------------------------------------------------------------------


async def test_a_scheduler_sees_their_own_hospital_only(site: Site, city: City) -> None:
    add_messages(city)
    scheduler = await at_the_desk(site, Role.SCHEDULER, city.hospitals[B])
    administrator = await at_the_desk(site, Role.ADMINISTRATOR)
    paths = [
        f"/staff/reports?{DAYS}&by=department",
        f"/staff/reports?{DAYS}&by=hospital",
        f"/staff/reports/fill?{DAYS}&layout=department_weekday",
        "/staff/reports/sold-out?from=2026-11-15&to=2026-12-15&by=hospital",
        f"/staff/reports/lead?{DAYS}&by=department",
    ]
    for path in paths:
        await scheduler.go(path)
        assert "乙" in scheduler.text
        assert "甲" not in scheduler.text, path
        await administrator.go(path)
        assert "甲" in administrator.text
    await scheduler.go("/staff/reports/messages?period=last7&by=channel")
    await administrator.go("/staff/reports/messages?period=last7&by=channel")
    seen, everything = (int(tables(one)[0][-1][1]) for one in (scheduler, administrator))
    mine = sum(one.clinic.hospital == B for one in city.bookings[::3])
    assert (seen, everything) == (mine, len(city.bookings[::3]))


async def test_a_scheduler_cannot_ask_for_another_hospital(site: Site, city: City) -> None:
    scheduler = await at_the_desk(site, Role.SCHEDULER, city.hospitals[B])
    for report in REPORTS:
        if Role.SCHEDULER not in report.roles:
            assert (await scheduler.go(report.path)).status_code == 403
            continue
        answer = await scheduler.go(f"{report.path}?hospital={city.hospitals[A]}")
        assert answer.status_code == 422
        assert "没有这家医院" in scheduler.text
        answer = await scheduler.go(
            f"{report.path}?hospital={city.hospitals[B]}&department={city.departments['甲内科']}"
        )
        assert answer.status_code == 422
        assert "没有这个科室" in scheduler.text


async def test_every_report_answers_for_a_hospital_and_a_department(site: Site, city: City) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    hospital, department = city.hospitals[A], city.departments["甲内科"]
    for report in REPORTS:
        for place in (f"hospital={hospital}", f"hospital={hospital}&department={department}"):
            for grouping in report.groupings or ("",):
                path = f"{report.path}?{DAYS}&{place}&by={grouping}"
                assert (await auditor.go(path)).status_code == 200, path


WRONG = [
    ("from=2026-12-02&to=2026-12-01", "开始日期晚于结束日期"),
    ("from=2025-01-01&to=2026-02-05", "一次最多统计400天"),
    ("from=2026-13-01&to=2026-12-01", "请填写开始和结束日期"),
    ("from=&to=2026-12-01", "请填写开始和结束日期"),
    ("from=0001-01-01&to=9999-12-31", "请填写开始和结束日期"),
    ("period=forever", "没有这个时间范围"),
    ("hospital=99999999", "没有这家医院"),
    ("hospital=x", "没有这家医院"),
    ("hospital=99999999999999999999", "没有这家医院"),
    (f"hospital={'9' * 5000}", "没有这家医院"),
    ("department=1", "没有这个科室"),
    ("by=patient", "没有这种分组方式"),
    ("day=never", "没有这种分组方式"),
]


async def test_what_cannot_be_reported_on_is_said(site: Site) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    for query, sentence in WRONG:
        answer = await auditor.go(f"/staff/reports?{query}")
        assert answer.status_code == 422, query
        assert sentence in auditor.text, query
        assert not tables(auditor)


async def test_a_report_that_runs_away_is_ended_and_says_what_to_do(
    site: Site, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "STATEMENT_SECONDS", 1)
    reader = await at_the_desk(site, Role.AUDITOR)
    with rows.conn.transaction():
        rows.conn.execute("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(60):  # or nothing would ever end it
            answer = await reader.go(f"/staff/reports?{DAYS}")
    assert answer.status_code == 503
    assert "请缩短日期范围或只选一家医院" in reader.text
    assert (await reader.go(f"/staff/reports?{DAYS}")).status_code == 200


async def test_four_hundred_days_are_not_too_many(site: Site, rows: Rows) -> None:
    city = City(rows)
    city.add_hospital(A, "甲内科")
    city.book(city.add_clinic(A, "甲内科", TODAY), at("2026-11-20"))
    auditor = await at_the_desk(site, Role.AUDITOR)
    answer = await auditor.go("/staff/reports?from=2025-12-01&to=2027-01-04&by=title")
    assert answer.status_code == 200
    assert tables(auditor)


@pytest.mark.parametrize("report", REPORTS, ids=lambda one: one.path)
async def test_where_nothing_is_the_page_says_what_will_be(site: Site, report: Any) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    answer = await auditor.go(report.path)
    assert answer.status_code == 200
    assert "这里会出现图和同样数字的表格" in auditor.text
    # Nothing to download, and asking for it all the same gives the page.
    assert (
        (await auditor.go(f"{report.path}?format=xlsx"))
        .headers["content-type"]
        .startswith("text/html")
    )


async def test_the_workbook_holds_what_the_page_shows(site: Site, city: City) -> None:
    add_messages(city)
    add_requests(city)
    patient = city.rows.patient()
    for n in range(3):
        clinic = city.add_clinic(A, "甲内科", TODAY - timedelta(days=n + 1))
        city.book(clinic, at("2026-11-20"), status="no_show", patient=patient)
    full = city.add_clinic(A, "甲内科", TODAY, capacity=1)
    city.book(full, at("2026-11-20"), status="cancelled", changed_at=at("2026-11-21"))
    auditor = await at_the_desk(site, Role.AUDITOR)
    for report in REPORTS:
        await _workbook_is_as_shown(auditor, f"{report.path}?{DAYS}")


async def _workbook_is_as_shown(auditor: Reader, path: str) -> None:
    await auditor.go(path)
    shown = tables(auditor)
    answer = await auditor.client.get(f"{path}&format=xlsx")
    assert answer.headers["content-disposition"].startswith("attachment")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    assert len(book.sheet_names) == len(shown) > 0
    for number, table in enumerate(shown):
        sheet = book.get_sheet_by_index(number).to_python()
        assert [str(cell) for cell in sheet[0]] == table[0]
        assert [[_as_shown(cell) for cell in row] for row in sheet[1:]] == [
            [_plain(cell) for cell in row] for row in table[1:]
        ]


def _as_shown(cell: Any) -> object:
    """A cell of the workbook, as `_plain` has the page's."""
    if isinstance(cell, timedelta):
        return format_duration(cell, "zh")
    if isinstance(cell, datetime):
        return format_time(cell.replace(tzinfo=CITY_TIME), "zh", TODAY)
    if isinstance(cell, date):
        return format_day(cell, "zh", TODAY)
    return round(cell, 3) if isinstance(cell, float | int) else cell


def _plain(text: str) -> object:
    """A cell of the page: a number where it is one, empty where it is nothing.

    Midnight is a date to the library that reads the workbook.
    """
    text = text.removesuffix(" 00:00")
    if text == "–":
        return ""
    if re.fullmatch(r"[\d,]+(\.\d+)?%", text):
        return round(float(text[:-1]) / 100, 3)
    return float(text.replace(",", "")) if re.fullmatch(r"[\d,]+(\.\d+)?", text) else text


async def test_a_long_table_is_cut_on_the_page_and_whole_in_the_workbook(
    site: Site, rows: Rows
) -> None:
    city = City(rows)
    departments = [f"科室{n:03d}" for n in range(205)]
    city.add_hospital(A, *departments)
    for name in departments:
        city.book(city.add_clinic(A, name, TODAY), at("2026-11-20"), status="picked_up")
    auditor = await at_the_desk(site, Role.AUDITOR, language="en")
    await auditor.go("/staff/reports?by=department")
    [table] = tables(auditor)
    assert len(table) == 1 + 200 + 1
    assert table[-1][:2] == ["Total", "205"]
    assert "5 more are in the Excel file" in auditor.text
    answer = await auditor.client.get("/staff/reports?by=department&format=xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0)
    assert len(sheet.to_python()) == 1 + 205 + 1
