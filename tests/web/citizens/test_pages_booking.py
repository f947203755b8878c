"""The pages that find, book and list visits, read and sent as a browser does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from secrets import token_urlsafe
from typing import Any

import httpx
import psycopg
import pytest
from icalendar import Calendar
from tests.city import (
    Clock,
    add_account,
    add_patient,
    cancel_for_caller,
    change,
    draw_codes,
    open_platform,
    resident_id,
)
from tests.crowd import open_desk
from tests.supply import Rows, at
from tests.web.browsing import Form, Reader
from tests.web.site import Site, has_chinese

from guahao.flows.attendance.penalties import sweep
from guahao.flows.booking.desk import Desk
from guahao.rules.kernel.limits import Policy
from guahao.store.hospitals.search import search_keys
from guahao.web.app import create_app
from guahao.web.http.tokens import PAGES_SECONDS

TODAY = date(2026, 11, 30)  # a Monday, 09:00
PARTIAL = {"HX-Request": "true"}
BOTH_LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@dataclass
class Clinic:
    """A department of a hospital, and sessions some days from today."""

    rows: Rows
    hospital: int
    department: int

    def session(self, days: int = 3, **columns: Any) -> int:
        given = {"title": "主任医师", "specialty": "高血压", "fee_fen": 8000, **columns}
        day = TODAY + timedelta(days=days)
        return self.rows.session(self.hospital, self.department, day, **given)


def add_clinic(rows: Rows, **hospital: Any) -> Clinic:
    given = {
        "name": "安澜市儿童医院",
        "name_en": "Anlan Children's Hospital",
        "search_keys": search_keys("安澜市儿童医院"),
        "address": "听雨街1号",
        "pickup_place": "门诊楼一层",
        "grade": "三级甲等",
        **hospital,
    }
    hospital_id = rows.hospital(**given)
    parent = rows.department(hospital_id, name="内科", name_en="Internal Medicine")
    department = rows.department(
        hospital_id,
        name="心血管内科",
        name_en="Cardiology",
        search_keys=search_keys("心血管内科"),
        parent_id=parent,
    )
    return Clinic(rows, hospital_id, department)


@pytest.fixture
def clinic(rows: Rows) -> Clinic:
    return add_clinic(rows)


@dataclass
class Citizen:
    """Somebody logged in, with patients."""

    reader: Reader
    account_id: int
    patient_ids: list[int]

    async def book(self, session_id: int, patient: int = 0, **typed: str) -> str:
        """Through the page, if it has a form for that; where it led."""
        await self.reader.go(f"/book/{session_id}")
        if f'action="/book/{session_id}"' in self.reader.text:
            await self.reader.send(
                self.reader.form(f"/book/{session_id}"),
                patient_id=str(self.patient_ids[patient]),
                **typed,
            )
        return self.reader.path.partition("?")[0]

    async def submit(self, session_id: int, patient_id: int | str, key: str = "") -> httpx.Response:
        """Send the form of a page that was opened before it knew any better."""
        await self.reader.go("/me")
        fields = {
            "csrf": self.reader.form("/logout").fields["csrf"],
            "key": key or token_urlsafe(16),
        }
        form = Form(f"/book/{session_id}", "post", fields)
        return await self.reader.send(form, patient_id=str(patient_id))


async def add_citizen(
    site: Site, number: int = 1, *, patients: int = 1, language: str = "zh"
) -> Citizen:
    account_id = await add_account(site.platform, number)
    ids = [
        (
            await add_patient(
                site.platform, account_id, number * 10 + n, f"{'张王'[number - 1]}小{'一二'[n]}"
            )
        ).id
        for n in range(patients)
    ]
    reader = Reader.of(site, language=language)
    await log_in(reader, account_id)
    return Citizen(reader, account_id, ids)


async def log_in(reader: Reader, account_id: int) -> None:
    token = await reader.site.log_in(account_id)
    reader.client.cookies.set("session", token, domain="guahao.test", path="/")


def bookings(rows: Rows) -> list[tuple[Any, ...]]:
    return rows.all(
        "SELECT id, patient_id, clinic_session_id, channel, status FROM appointments ORDER BY id"
    )


def code_of(site: Site, rows: Rows) -> str:
    """The identification code of the only booking."""
    [[id, sealed]] = rows.all("SELECT id, code_enc FROM appointments")
    return site.platform.vault.open("appointments", "code", id, sealed)


# Finding ----------------------------------------------------------------------------------------


@BOTH_LANGUAGES
@pytest.mark.parametrize("q", ["儿童", "etyy", "children"])
async def test_a_hospital_is_found_and_leads_to_its_page(
    site: Site, clinic: Clinic, q: str, language: str
) -> None:
    reader = Reader.of(site, language=language)
    reader.page = await reader.client.get("/search", params={"q": q})
    assert f'href="/hospitals/{clinic.hospital}"' in reader.text
    name = "安澜市儿童医院" if language == "zh" else "Anlan Children&#39;s Hospital"
    assert name in reader.text
    await reader.go(f"/hospitals/{clinic.hospital}")
    assert f'href="/departments/{clinic.department}"' in reader.text
    assert ("心血管内科" if language == "zh" else "Cardiology") in reader.text


async def test_a_script_gets_the_results_alone(site: Site, clinic: Clinic) -> None:
    reader = Reader.of(site)
    found = await reader.client.get("/search?q=xxgnk", headers=PARTIAL)
    assert found.text.lstrip().startswith('<div id="results"')
    assert f"/departments/{clinic.department}" in found.text
    restored = PARTIAL | {"HX-History-Restore-Request": "true"}
    assert "<html" in (await reader.client.get("/search?q=xxgnk", headers=restored)).text


@BOTH_LANGUAGES
async def test_nothing_found_says_what_to_try(site: Site, language: str) -> None:
    reader = Reader.of(site, language=language)
    await reader.go("/search?q=<script>alert(1)</script>")
    assert ("没有找到" if language == "zh" else "Nothing found") in reader.text
    assert "<script>alert" not in reader.text


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "٣"])
async def test_a_page_number_that_is_none_is_the_first(
    site: Site, clinic: Clinic, page: str
) -> None:
    reader = Reader.of(site)
    assert (await reader.go(f"/search?page={page}")).status_code == 200
    assert f"/hospitals/{clinic.hospital}" in reader.text


async def test_home_shows_announcements_and_filters(site: Site, clinic: Clinic) -> None:
    clinic.rows.conn.execute(
        "INSERT INTO announcements (title, body, shown_from) VALUES ('停电通知', '周日', %s)",
        (at("2026-11-30T08:00"),),
    )
    reader = Reader.of(site)
    await reader.go("/?utm_source=poster")
    assert "停电通知" in reader.text
    await reader.go("/search?district=城东区&grade=三级甲等")
    assert f"/hospitals/{clinic.hospital}" in reader.text
    await reader.go("/search?grade=一级")
    assert f"/hospitals/{clinic.hospital}" not in reader.text


@BOTH_LANGUAGES
async def test_where_somebody_booked_is_theirs_and_comes_apart(
    site: Site, clinic: Clinic, language: str
) -> None:
    stranger = Reader.of(site, language=language)
    citizen = await add_citizen(site, language=language)
    department = f'href="/departments/{clinic.department}"'
    said = "最近约过" if language == "zh" else "Book again"
    await citizen.reader.go("/mine")
    assert ("您还没有约过" if language == "zh" else "booked anything yet") in citizen.reader.text
    assert department not in citizen.reader.text
    assert said not in (await citizen.reader.client.get("/mine", headers=PARTIAL)).text
    await citizen.book(clinic.session(5))
    booking = await citizen.book(clinic.session(4))
    part = await citizen.reader.client.get("/mine", headers=PARTIAL)
    assert part.text.lstrip().startswith('<section class="mine" aria-labelledby="next">')
    cards = re.findall(r'<a class="card mine__next" href="([^"]*)"', part.text)
    assert cards == [booking]  # the nearest of them
    assert ("还有1个预约" if language == "zh" else "1 more booking") in part.text
    assert (said in part.text, department in part.text) == (True, True)
    assert part.headers["cache-control"] == "no-store"
    await citizen.reader.go("/")
    assert (await stranger.go("/")).text == citizen.reader.text
    assert '<a class="quiet" href="/mine">' in stranger.text  # without scripts
    await citizen.reader.go("/mine")
    assert department in citizen.reader.text
    assert (await stranger.client.get("/mine", headers=PARTIAL)).text.strip() == ""
    await stranger.go("/mine")
    assert stranger.path == "/login?next=%2Fmine"


# A hospital and a department --------------------------------------------------------------------


@BOTH_LANGUAGES
async def test_a_hospital_tells_its_rules_in_plain_words(
    site: Site, rows: Rows, language: str
) -> None:
    clinic = add_clinic(
        rows, cycle_days=7, release_time=time(8, 30), next_day_stop_time=time(14),
        cancel_days_before=2, cancel_time=time(12), pickup_until_evening=time(19, 30),
    )  # fmt: skip
    reader = Reader.of(site, language=language)
    await reader.go(f"/hospitals/{clinic.hospital}")
    said = {
        "zh": ["12月7日 周一", "08:30 放出", "今天 14:00 为止",
               "就诊前 2 天的 12:00", "晚上的号 19:30 前",
               "听雨街1号", "三级甲等", "门诊楼一层"],
        "en": ["Mon 7 Dec", "daily at 08:30", "until 14:00 today", "12:00, 2 days before",
               "evening before 19:30", "听雨街1号", "Grade 3A"],
    }  # fmt: skip
    for words in said[language]:
        assert words in reader.text


async def test_a_hospital_shows_where_it_has_places_soonest(site: Site, clinic: Clinic) -> None:
    clinic.session(2, booked=20)
    clinic.session(4, booked=15)
    reader = Reader.of(site)
    await reader.go(f"/hospitals/{clinic.hospital}")
    assert "最早能约的科室" in reader.text
    assert f'href="/departments/{clinic.department}?day=2026-12-04"' in reader.text
    assert "余5个号" in reader.text
    assert "看地图" not in reader.text
    await change(site.platform, "UPDATE hospitals SET latitude = 30.5, longitude = 120.25")
    other = Reader.of(site, language="en")  # nothing of it is stored yet
    await other.go(f"/hospitals/{clinic.hospital}")
    assert "30.5" in other.text


@pytest.mark.parametrize(
    "path",
    [
        *("/hospitals/999999", "/hospitals/x", "/departments/999999", "/departments/-1"),
        *("/book/999999", "/book/x", "/bookings/999999", "/bookings/x", "/bookings/x.ics"),
        *("/bookings/99999999999999999999999", "/bookings/1.ics.ics", "/bookings/7/code.svg"),
    ],
)
async def test_what_is_not_there_is_a_page_with_a_way_on(site: Site, path: str) -> None:
    citizen = await add_citizen(site)
    answer = await citizen.reader.go(path)
    assert answer.status_code == 404
    assert 'href="/"' in citizen.reader.text


@BOTH_LANGUAGES
async def test_a_week_has_a_word_for_every_day_and_a_row_for_every_session(
    site: Site, rows: Rows, language: str
) -> None:
    clinic = add_clinic(rows, cycle_days=5, release_time=time(8, 30))
    free = clinic.session(3, capacity=20, booked=17)
    full = clinic.session(3, booked=20, period="afternoon")
    clinic.session(1, booked=20)
    clinic.session(2, stopped_at=at("2026-11-30T08:00"))
    clinic.session(6)
    reader = Reader.of(site, language=language)
    await reader.go(f"/departments/{clinic.department}")
    said = {
        "zh": ["已截止", "约满", "停诊", "有号", "未放号", "明天 08:30", "无门诊", "仅余 3", "¥80",
               "主任医师", "上午", "下午", "12月3日 周四"],
        "en": ["Closed", "Full", "Stopped", "Open", "Not yet", "1 Dec 08:30", "None",
               "only 3 left", "¥80", "Chief physician", "Morning", "Afternoon", "Thu 3 Dec"],
    }  # fmt: skip
    for words in said[language]:
        assert words in reader.text, words
    assert f'href="/book/{free}"' in reader.text
    assert f'href="/book/{full}"' not in reader.text


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (0, "当天的号不能在网上预约"),
        (1, "停止预约"),
        (2, "已停诊"),
        (4, "这一天没有门诊"),
        (5, "已约满"),
        (6, "明天 00:00 放出"),
        (13, "12月8日 周二 00:00 放出"),
    ],
)
async def test_a_day_that_cannot_be_booked_says_why(
    site: Site, rows: Rows, clock: Clock, days: int, says: str
) -> None:
    clock.now = at("2026-11-30T16:00")
    clinic = add_clinic(rows, cycle_days=5)
    for day in (1, 6, 13):
        clinic.session(day)
    clinic.session(2, stopped_at=at("2026-11-30T08:00"))
    clinic.session(5, booked=20)
    reader = Reader.of(site)
    await reader.go(f"/departments/{clinic.department}?day={TODAY + timedelta(days=days)}")
    assert says in reader.text


async def test_title_and_specialty_are_kept_from_day_to_day(site: Site, clinic: Clinic) -> None:
    chief = clinic.session(3)
    general = clinic.session(3, title="普通门诊", specialty="")
    reader = Reader.of(site)
    await reader.go(f"/departments/{clinic.department}?title=主任医师&specialty=高血压")
    assert f"/book/{chief}" in reader.text
    assert f"/book/{general}" not in reader.text
    link = re.search(r'id="day-2026-12-04" href="([^"]*)"', reader.text)
    assert link
    assert "title=" in link[1]
    assert "specialty=" in link[1]
    await reader.go(f"/departments/{clinic.department}?day=nonsense")
    assert f"/book/{general}" in reader.text


async def test_a_script_renews_the_week_from_the_page_itself(site: Site, clinic: Clinic) -> None:
    session = clinic.session(3, booked=1)
    reader = Reader.of(site)
    path = f"/departments/{clinic.department}?day=2026-12-03"
    page = await reader.go(path)
    renewing = f'<div id="week" hx-get="{path}" hx-trigger="every 15s" hx-select="#week"'
    assert renewing in page.text
    assert "余 19" in page.text
    tag = {"If-None-Match": page.headers["etag"]}
    assert (await reader.client.get(path, headers=PARTIAL | tag)).status_code == 304
    await change(site.platform, "UPDATE clinic_sessions SET booked = 2 WHERE id = %s", session)
    renewed = await reader.client.get(path, headers=PARTIAL | tag)
    assert "余 18" in renewed.text
    assert renewing in renewed.text


# Booking ----------------------------------------------------------------------------------------


@BOTH_LANGUAGES
async def test_a_visit_is_confirmed_booked_and_shown(
    site: Site, clinic: Clinic, rows: Rows, language: str
) -> None:
    citizen = await add_citizen(site, patients=2, language=language)
    reader, session = citizen.reader, clinic.session(starts_at=time(8, 30), ends_at=time(9))
    await reader.go(f"/book/{session}")
    said = {
        "zh": ["12月3日 周四 上午 08:30–09:00", "张小二", "12月2日 周三 15:00 前", "11:30 前",
               "爽约", "确认预约"],
        "en": ["Thu 3 Dec, morning 08:30–09:00", "张小二", "Before Wed 2 Dec, 15:00",
               "Thu 3 Dec, 11:30", "no-show", "Confirm booking"],
    }  # fmt: skip
    for words in said[language]:
        assert words in reader.text, words
    path = await citizen.book(session, patient=1)
    [(booking, patient_id, booked, channel, status)] = bookings(rows)
    assert path == f"/bookings/{booking}"
    assert (patient_id, booked, channel, status) == (
        citizen.patient_ids[1], session, "web", "booked"
    )  # fmt: skip
    code = code_of(site, rows)
    assert code[:4] in reader.text
    assert f'data-copy="{code}"' in reader.text
    told = {
        "zh": ["预约成功", "12月3日 周四 上午", "门诊楼一层", "证件原件",
               "12月2日 周三 15:00 前", "114"],
        "en": ["Booked", "Thu 3 Dec, morning", "门诊楼一层",
               "The original ID of", "Wed 2 Dec, 15:00"],
    }  # fmt: skip
    for words in told[language]:
        assert words in reader.text, words


async def test_the_same_form_again_is_the_same_booking(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site, patients=2)
    reader, session = citizen.reader, clinic.session()
    await reader.go(f"/book/{session}")
    form = reader.form(f"/book/{session}")
    form.fields["patient_id"] = str(citizen.patient_ids[0])
    answers = await asyncio.gather(
        *(reader.client.post(form.action, data=form.fields) for _ in range(4))
    )
    [booking] = bookings(rows)
    assert {answer.url.path for answer in answers} == {f"/bookings/{booking[0]}"}
    await reader.send(form)
    assert reader.path == f"/bookings/{booking[0]}?booked=1"
    # The other patient on the same page is another wish.
    await reader.send(form, patient_id=str(citizen.patient_ids[1]))
    assert len(bookings(rows)) == 2


@pytest.mark.parametrize("sold_out", [False, True])
async def test_a_fresh_form_for_what_is_booked_already_ends_at_the_booking(
    site: Site, clinic: Clinic, rows: Rows, sold_out: bool
) -> None:
    citizen = await add_citizen(site)
    session = clinic.session()
    form = f"/book/{session}"
    await citizen.reader.go(form)
    earlier = citizen.reader.form(form)
    path = await citizen.book(session)
    if sold_out:
        await change(site.platform, "UPDATE clinic_sessions SET capacity = booked")
        await citizen.reader.go(form)
        assert citizen.reader.path.partition("?")[0] == path
    else:
        assert (await citizen.book(session)).partition("?")[0] == path
    assert "您已约好" in citizen.reader.text
    # A page from the browser's cache, whose form was never sent.
    earlier.fields["patient_id"] = str(citizen.patient_ids[0])
    answer = await citizen.reader.client.post(earlier.action, data=earlier.fields)
    assert answer.url.path == path
    assert "没有约上" not in answer.text
    assert len(bookings(rows)) == 1


async def test_a_second_place_in_a_department_on_one_day_is_refused_by_the_law(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    await citizen.book(clinic.session())
    booking = citizen.reader.path.partition("?")[0]
    other = clinic.session(period="afternoon")
    await citizen.reader.go(f"/book/{other}")
    assert "现在不能约这个号" in citizen.reader.text
    assert f'action="/book/{other}"' not in citizen.reader.text
    await citizen.submit(other, citizen.patient_ids[0])
    assert citizen.reader.page.status_code == 409
    assert "没有约上" in citizen.reader.text
    assert "张小一这天在心血管内科已有预约。最早可约12月4日 周五" in citizen.reader.text
    assert f'href="{booking}"' in citizen.reader.text
    assert 'href="/help#limits"' in citizen.reader.text
    assert len(bookings(rows)) == 1


async def test_whoever_is_not_logged_in_comes_back_to_what_was_chosen(
    site: Site, clinic: Clinic
) -> None:
    session = clinic.session()
    await add_citizen(site)
    reader = Reader.of(site)
    await reader.log_in(1, back=f"/book/{session}")
    assert reader.path == f"/book/{session}"
    assert "12月3日 周四" in reader.text


async def test_a_login_that_expires_in_the_middle_loses_nothing_and_books_once(
    site: Site, clinic: Clinic, rows: Rows, clock: Clock
) -> None:
    citizen = await add_citizen(site, patients=2)
    reader, session = citizen.reader, clinic.session(20)
    await reader.go(f"/book/{session}")
    old = reader.form(f"/book/{session}")
    old.fields["patient_id"] = str(citizen.patient_ids[1])
    clock.forward(seconds=PAGES_SECONDS + 1)
    await reader.send(old)
    assert reader.path.startswith("/login?next=")
    await reader.send(phone="13800000001")
    await reader.send(otp=await reader.one_time_password())
    await reader.confirm_login()
    assert reader.path == f"/book/{session}"
    checked = re.search(r'value="(\d+)" required checked', reader.text)
    assert checked
    assert int(checked[1]) == citizen.patient_ids[1]
    again = reader.form(f"/book/{session}")
    assert again.fields["key"] == old.fields["key"]
    await reader.send(again, patient_id=checked[1])
    await reader.send(old)
    assert [one[1] for one in bookings(rows)] == [citizen.patient_ids[1]]


async def test_without_a_patient_the_way_leads_over_adding_one_and_back(
    site: Site, clinic: Clinic
) -> None:
    session = clinic.session()
    citizen = await add_citizen(site, patients=0)
    await citizen.reader.go(f"/book/{session}")
    assert "确认预约</button>" not in citizen.reader.text
    form = citizen.reader.form("/patients/new")
    typed = {"name": "王小明", "id_type": "01", "id_no": resident_id(7)}
    await citizen.reader.send(form, **typed)
    assert citizen.reader.path == f"/book/{session}"
    assert "王小明" in citizen.reader.text
    assert "确认预约</button>" in citizen.reader.text


@pytest.mark.parametrize(
    "typed", [{"patient_id": ""}, {"patient_id": "x"}, {"key": ""}, {"key": "short"}], ids=str
)
async def test_a_form_without_a_patient_or_a_key_is_shown_again(
    site: Site, clinic: Clinic, rows: Rows, typed: dict[str, str]
) -> None:
    citizen = await add_citizen(site)
    session = clinic.session()
    await citizen.reader.go(f"/book/{session}")
    await citizen.reader.send(citizen.reader.form(f"/book/{session}"), **typed)
    assert "还没有选择就诊人" in citizen.reader.text
    assert bookings(rows) == []


async def test_a_key_of_another_sessions_form_books_nothing(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    one, other = clinic.session(3), clinic.session(4)
    await citizen.reader.go(f"/book/{one}")
    form = citizen.reader.form(f"/book/{one}")
    await citizen.reader.send(form)
    form.action = f"/book/{other}"
    await citizen.reader.send(form)
    assert citizen.reader.path == f"/book/{other}"
    assert [row[2] for row in bookings(rows)] == [one]


async def test_a_post_that_is_not_ours_books_nothing(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    session = clinic.session()
    await citizen.reader.go(f"/book/{session}")
    form = citizen.reader.form(f"/book/{session}")
    assert (await citizen.reader.send(form, csrf="0" * 80)).status_code == 403
    assert bookings(rows) == []


# Refusals ---------------------------------------------------------------------------------------


@BOTH_LANGUAGES
@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"days": 3, "booked": 20}, {"zh": "已约满", "en": "Fully booked"}),
        ({"days": 3, "stopped_at": "2026-11-30"}, {"zh": "已停诊", "en": "Clinic stopped"}),
        ({"days": 0}, {"zh": "不能预约当天", "en": "No same-day booking"}),
        ({"days": 1}, {"zh": "次日号源已截止", "en": "Booking for tomorrow has closed"}),
        ({"days": 120}, {"zh": "未到预约周期", "en": "Not open for booking yet"}),
    ],
)
async def test_a_refusal_says_what_why_and_what_can_be_done(
    site: Site, clinic: Clinic, clock: Clock, columns: dict[str, Any], title: dict[str, str],
    language: str,
) -> None:  # fmt: skip
    clock.now = at("2026-11-30T16:00")
    other = clinic.session(5)
    citizen = await add_citizen(site, language=language)
    refused = clinic.session(**columns)
    answer = await citizen.reader.go(f"/book/{refused}")
    assert answer.status_code == 409
    assert title[language] in citizen.reader.text
    assert f'href="/book/{other}?patient={citizen.patient_ids[0]}"' in citizen.reader.text
    assert f'href="/departments/{clinic.department}"' in citizen.reader.text
    assert await citizen.book(other) != f"/book/{other}"


async def test_what_was_taken_meanwhile_is_refused_with_alternatives_that_can_be_booked(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    wished, other = clinic.session(3, capacity=1), clinic.session(4)
    await citizen.reader.go(f"/book/{wished}")
    form = citizen.reader.form(f"/book/{wished}")
    await change(site.platform, "UPDATE clinic_sessions SET booked = 1 WHERE id = %s", wished)
    assert (await citizen.reader.send(form)).status_code == 409
    assert "没有约上" in citizen.reader.text
    await citizen.reader.go(f"/book/{other}?patient={citizen.patient_ids[0]}")
    await citizen.reader.send(citizen.reader.form(f"/book/{other}"))
    assert [row[2] for row in bookings(rows)] == [other]


async def test_the_suspended_are_told_until_when_and_offered_nothing(
    site: Site, clinic: Clinic
) -> None:
    citizen = await add_citizen(site)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-01-30'")
    clinic.session(4)
    session = clinic.session(3)
    for answer in (
        await citizen.reader.go(f"/book/{session}"),
        await citizen.submit(session, citizen.patient_ids[0]),
    ):
        assert answer.status_code == 409
        assert "预约资格已暂停" in answer.text
        assert "2027年1月30日 周六" in answer.text
        assert "slot__book" not in answer.text
        assert 'href="tel:114"' in answer.text


async def test_a_busy_desk_keeps_the_form_to_be_sent_again(
    database_url: str, rows: Rows, clock: Clock
) -> None:
    clinic = add_clinic(rows)
    session = clinic.session()
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        full = Desk(platform, lanes=1, batch=1, queue=0)
        busy = Site(create_app(platform, full), platform)
        citizen = await add_citizen(busy)
        await citizen.reader.go(f"/book/{session}")
        key = citizen.reader.form(f"/book/{session}").fields["key"]
        answer = await citizen.reader.send(citizen.reader.form(f"/book/{session}"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        again = citizen.reader.form(f"/book/{session}")
        assert again.fields["key"] == key
        calm = Reader.of(Site(create_app(platform, desk), platform))
        calm.client.cookies.update(citizen.reader.client.cookies)
        await calm.send(again)
        assert calm.path.startswith("/bookings/")
    assert len(bookings(rows)) == 1


# My registrations -------------------------------------------------------------------------------


async def test_another_account_sees_and_touches_nothing(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    owner, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    path = await owner.book(clinic.session())
    code = code_of(site, rows)
    assert f">{code[:4]}<" in (await owner.reader.go(path)).text
    reader = stranger.reader
    for own in (path, f"{path}.ics", f"{path}/code.svg", f"{path}/cancel"):
        assert (await owner.reader.go(own)).status_code == 200
        answer = await reader.go(own)
        assert answer.status_code == 404
        for private in (code, f">{code[:4]}<"):  # as it is copied, and as it is read
            assert private not in reader.shown
        assert "张小一" not in reader.text
    await reader.go("/me")
    csrf = reader.form("/logout").fields["csrf"]
    answer = await reader.client.post(f"{path}/cancel", data={"csrf": csrf})
    assert answer.status_code == 404
    for view in ("/bookings", "/bookings?view=history", "/", "/mine"):
        await reader.go(view)
        assert path not in reader.text
        assert f"/departments/{clinic.department}" not in reader.text
    assert [row[4] for row in bookings(rows)] == ["booked"]


async def test_nobody_books_for_anothers_patient(site: Site, clinic: Clinic, rows: Rows) -> None:
    owner, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    session = clinic.session()
    await stranger.reader.go(f"/book/{session}")
    form = stranger.reader.form(f"/book/{session}")
    answer = await stranger.reader.send(form, patient_id=str(owner.patient_ids[0]))
    assert answer.status_code == 403
    assert "张小一" not in stranger.reader.text
    assert bookings(rows) == []


@pytest.mark.parametrize(
    "path", ["/bookings", "/bookings/1", "/bookings/1.ics", "/bookings/1/code.svg"]
)
async def test_nothing_is_shown_to_who_is_not_logged_in(site: Site, path: str) -> None:
    reader = Reader.of(site)
    await reader.go(path)
    assert reader.path.startswith("/login?next=")


@BOTH_LANGUAGES
async def test_current_and_past_bookings_stand_apart_each_with_its_word(
    site: Site, clinic: Clinic, rows: Rows, language: str
) -> None:
    citizen = await add_citizen(site, language=language)
    words = {
        "booked": ("待取号", "Booked"),
        "picked_up": ("已取号", "Picked up"),
        "cancelled": ("已退号", "Cancelled"),
        "stopped": ("医院停诊", "Clinic stopped"),
        "no_show": ("爽约", "No-show"),
        "unverified": ("已过期", "Lapsed"),
    }
    ids = {}
    for n, status in enumerate(words):
        days = 5 if status in ("booked", "stopped") else -5 - n
        ids[status] = rows.appointment(citizen.patient_ids[0], clinic.session(days), status)
    await draw_codes(site.platform)
    for view, shown in (("current", {"booked", "stopped"}), ("history", set(words))):
        await citizen.reader.go(f"/bookings?view={view}")
        expected = shown if view == "current" else set(words) - {"booked", "stopped"}
        found = {s for s, id in ids.items() if f'href="/bookings/{id}"' in citizen.reader.text}
        assert found == expected
    for status, said in words.items():
        await citizen.reader.go(f"/bookings/{ids[status]}")
        assert said[language == "en"] in citizen.reader.text
        shows_code = 'id="code"' in citizen.reader.text
        assert shows_code == (status == "booked")


@BOTH_LANGUAGES
async def test_no_shows_and_a_suspension_are_shown_with_dates_and_reason(
    site: Site, clinic: Clinic, rows: Rows, language: str
) -> None:
    citizen = await add_citizen(site, language=language)
    for days in (-90, -60, -30):
        rows.appointment(citizen.patient_ids[0], clinic.session(days), "no_show")
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-01-31'")
    await citizen.reader.go("/bookings")
    said = {
        "zh": ["张小一的预约资格已暂停", "从 10月31日 周六 到 2027年1月31日 周日", "爽约：3 次"],
        "en": ["Booking is suspended for 张小一", "From Sat 31 Oct until Sun 31 Jan 2027", ": 3"],
    }
    for words in said[language]:
        assert words in citizen.reader.text, words


@BOTH_LANGUAGES
async def test_empty_lists_say_what_will_be_there(site: Site, language: str) -> None:
    citizen = await add_citizen(site, patients=0, language=language)
    await citizen.reader.go("/bookings")
    assert ("约好的号会在这里" if language == "zh" else "Your bookings will be here") in (
        citizen.reader.text
    )
    assert has_chinese(citizen.reader.text.replace("中文", "")) == (language == "zh")


async def test_cancelling_is_by_phone_unless_the_operator_switched_it_on(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    path = await citizen.book(clinic.session())
    assert f"{path}/cancel" not in citizen.reader.text
    await citizen.reader.go(f"{path}/cancel")
    assert 'href="tel:114"' in citizen.reader.text
    await citizen.reader.go("/me")
    csrf = citizen.reader.form("/logout").fields["csrf"]
    answer = await citizen.reader.client.post(f"{path}/cancel", data={"csrf": csrf})
    assert answer.status_code == 403
    assert "拨打114" in answer.text
    assert [row[4] for row in bookings(rows)] == ["booked"]


@pytest.fixture
async def self_service(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    async with (
        open_platform(database_url, clock, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


async def test_a_patient_cancels_where_that_is_switched_on_once_and_in_time(
    self_service: Site, clinic: Clinic, rows: Rows, clock: Clock
) -> None:
    citizen = await add_citizen(self_service)
    first, second = clinic.session(3), clinic.session(4)
    path, late = await citizen.book(first), await citizen.book(second)
    await citizen.reader.go(f"{path}/cancel")
    form = citizen.reader.form(f"{path}/cancel")
    await citizen.reader.send(form)
    assert citizen.reader.path == path
    assert "已退号" in citizen.reader.text
    answer = await citizen.reader.send(form)
    assert answer.status_code == 409
    assert rows.one(f"SELECT booked FROM clinic_sessions WHERE id = {first}") == (0,)
    await citizen.reader.go(f"{late}/cancel")
    form = citizen.reader.form(f"{late}/cancel")
    clock.now = at("2026-12-03T15:00")
    await log_in(citizen.reader, citizen.account_id)
    answer = await citizen.reader.send(form)
    assert answer.status_code == 409
    assert "退号时间已于12月3日 周四 15:00截止" in citizen.reader.text
    await citizen.reader.go(late)
    assert "截止" in citizen.reader.text
    assert f"{late}/cancel" not in citizen.reader.text


async def test_what_the_hotline_cancels_and_the_sweep_voids_is_seen(
    site: Site, clinic: Clinic, clock: Clock
) -> None:
    citizen = await add_citizen(site)
    cancelled, voided = [await citizen.book(clinic.session(n)) for n in (3, 4)]
    await cancel_for_caller(site.platform, int(cancelled.rpartition("/")[2]))
    clock.now = at("2026-12-04T21:00")
    await sweep(site.platform)
    await log_in(citizen.reader, citizen.account_id)
    await citizen.reader.go(cancelled)
    assert "已于 11月30日 周一 09:00 退号" in citizen.reader.text
    await citizen.reader.go(voided)
    assert "已过期" in citizen.reader.text


# What is taken along ----------------------------------------------------------------------------


async def test_the_code_as_a_picture_is_kept_by_nobody(site: Site, clinic: Clinic) -> None:
    citizen = await add_citizen(site)
    path = await citizen.book(clinic.session())
    answer = await citizen.reader.go(f"{path}/code.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"<?xml")


@BOTH_LANGUAGES
async def test_the_calendar_knows_when_and_where_but_not_who(
    site: Site, clinic: Clinic, rows: Rows, language: str
) -> None:
    citizen = await add_citizen(site, language=language)
    path = await citizen.book(clinic.session(starts_at=time(8, 30), ends_at=time(9)))
    answer = await citizen.reader.go(f"{path}.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar: Any = Calendar.from_ical(answer.content)
    [event] = calendar.walk("VEVENT")
    assert event["dtstart"].dt == at("2026-12-03T08:30")
    assert event["dtend"].dt == at("2026-12-03T09:00")
    assert "门诊楼一层" in event["location"]
    assert ("就诊" if language == "zh" else "Visit: Anlan Children's") in event["summary"]
    assert "11:30" in event["description"]
    [alarm] = calendar.walk("VALARM")
    assert alarm["trigger"].dt == at("2026-12-02T18:00")
    code = code_of(site, rows)
    assert code not in answer.text
    assert "张小一" not in answer.text


async def test_a_visit_without_a_clock_time_takes_the_day(site: Site, clinic: Clinic) -> None:
    citizen = await add_citizen(site)
    path = await citizen.book(clinic.session())
    answer = await citizen.reader.go(f"{path}.ics")
    calendar: Any = Calendar.from_ical(answer.content)
    [event] = calendar.walk("VEVENT")
    assert event["dtstart"].dt == date(2026, 12, 3)
    assert event["status"] == "CONFIRMED"
