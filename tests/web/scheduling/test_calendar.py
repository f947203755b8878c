"""Holidays and swapped working days: the city's page, the hospital's own, and the roll-out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from tests.city import ask, change
from tests.crowd import count
from tests.web.scheduling.test_import import words
from tests.web.scheduling.test_schedule import WEEKLY, book_it, scheduler
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.flows.supply import calendars
from guahao.flows.supply.schedules import roll_forward
from guahao.rules.staff.staff import Role

CALENDAR = "/staff/schedule/calendar"
SATURDAY = "2026-12-05"
THURSDAY = "2026-12-10"


async def on(site: Site, day: str) -> int:
    return await count(site.platform, "clinic_sessions", f"visit_date = '{day}'")


async def test_a_hospital_takes_a_day_off_after_seeing_what_that_does(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    assert await on(site, THURSDAY) == 1
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day=THURSDAY, like="off", reason="院庆")
    assert "撤下无人预约的门诊：1个" in reader.text
    assert await on(site, THURSDAY) == 1
    await reader.send(reader.form(CALENDAR), step="save")
    assert "已更正" in reader.text
    assert await on(site, THURSDAY) == 0
    await roll_forward(site.platform)
    assert await on(site, THURSDAY) == 0
    await reader.send(reader.form(f"{CALENDAR}/withdraw"))
    await reader.confirm()
    assert "已撤回更正" in reader.text
    assert await on(site, THURSDAY) == 1


async def test_a_correction_is_withdrawn_once_and_never_of_a_past_date(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day=THURSDAY, like="off", reason="院庆")
    await reader.send(reader.form(CALENDAR), step="save")
    withdraw = reader.form(f"{CALENDAR}/withdraw")
    for said in ("已撤回更正", "这一天没有更正"):
        await reader.send(withdraw)
        await reader.confirm()
        assert said in reader.text
    for action in ("withdraw", "follow"):
        form = replace(withdraw, action=f"{CALENDAR}/{action}")
        await reader.send(form, day="2026-11-30")
        answer = await reader.confirm()
        assert answer.status_code == 422
        assert "请选择明天起两年内的日期" in reader.text
    assert await count(site.platform, "audit_trail", "action = 'withdraw_calendar'") == 1


async def test_a_worked_saturday_has_the_sessions_of_the_weekday_it_replaces(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day=SATURDAY, like="4", reason="调休")
    assert "新增门诊：1个" in reader.text
    await reader.send(reader.form(CALENDAR), step="save")
    assert await on(site, SATURDAY) == 1
    assert await count(site.platform, "audit_trail", "action = 'correct_calendar'") == 1


@pytest.mark.no_draws
async def test_sessions_with_bookings_stay_and_are_listed(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    [[booked_id]] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions WHERE visit_date = '2026-12-03' AND timetable_id > 0",
    )
    await book_it(site, int(booked_id))
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day="2026-12-03", like="off", reason="停水")
    assert "已有人预约的门诊：1个，共1个预约" in reader.text
    await reader.send(reader.form(CALENDAR), step="save")
    row = await ask(
        site.platform, "SELECT capacity, booked FROM clinic_sessions WHERE id = %s", booked_id
    )
    assert row == [(1, 1)]
    assert "已放出、但按日历不出诊的门诊" in reader.text


async def test_the_city_corrects_a_date_for_all_and_a_hospital_keeps_its_own(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day=THURSDAY, like="4", reason="照常")
    await reader.send(reader.form(CALENDAR), step="save")
    boss = await at_the_desk(site, Role.ADMINISTRATOR, None)
    for day in (THURSDAY, "2026-12-17"):
        await boss.go("/staff/calendar")
        await boss.send(boss.form("/staff/calendar"), day=day, like="off", reason="全市活动")
        await boss.send(boss.form("/staff/calendar"), step="save")
        assert "几分钟内按新日历调整" in boss.text
        jobs = await count(
            site.platform,
            "procrastinate_jobs",
            f"task_name = 'follow_calendar' AND args->>'day' = '{day}'",
        )
        assert jobs == 1
        await calendars.carry_out(site.platform, date.fromisoformat(day))
    assert await on(site, THURSDAY) == 1
    assert await on(site, "2026-12-17") == 0
    assert await calendars.carry_out(site.platform, date(2026, 12, 17)) == 0


async def test_sessions_made_before_a_holiday_was_known_are_withdrawn_when_somebody_says_so(
    site: Site,
) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    await change(
        site.platform,
        "INSERT INTO calendar_days (day, reason, by_name, at) VALUES (%s, '节', 'boss', now())",
        THURSDAY,
    )
    await roll_forward(site.platform)
    assert await on(site, THURSDAY) == 1
    await reader.go(CALENDAR)
    await reader.send(reader.form(f"{CALENDAR}/follow"))
    await reader.confirm()
    assert "撤下1个无人预约的门诊" in reader.text
    assert await on(site, THURSDAY) == 0


async def test_a_bad_date_is_refused_and_years_that_are_not_announced_are_named(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(CALENDAR)
    assert "2027年1月1日" in reader.text
    assert "还没有收录国务院的放假安排" in reader.text
    for typed in ({"day": "2026-11-30"}, {"day": "x"}, {"reason": ""}, {"like": "9"}):
        fields = {"day": THURSDAY, "like": "off", "reason": "停水"} | typed
        await reader.send(reader.form(CALENDAR), **fields)
        assert reader.page.status_code == 422, typed
    assert await count(site.platform, "calendar_days") == 0


async def test_every_page_that_plans_such_dates_says_so(site: Site) -> None:
    reader, department_id = await scheduler(site)
    words = "2027年1月1日 周五起还没有收录国务院的放假安排，先按星期出诊，节假日也放号。"
    for path in (
        "/staff/schedule?week=2026-12-28",
        "/staff/schedule/month?month=2027-01",
        "/staff/schedule/new",
    ):
        await reader.go(path)
        assert words in reader.text, path
    await reader.send(None, **WEEKLY)
    bulk = "/staff/schedule/bulk?preview=yes&capacity=3&first=2026-12-01&last="
    for path, is_said in (
        ("/staff/schedule?week=2026-12-21", False),
        ("/staff/schedule/month?month=2026-12", False),
        (f"{bulk}2027-01-15", True),
        (f"{bulk}2026-12-15", False),
    ):
        await reader.go(path)
        assert (words in reader.text) is is_said, path
    for monday, is_said in (("2026-12-14", False), ("2027-01-04", True)):
        await reader.go(f"/staff/schedule/copy?department={department_id}&week=2026-12-07")
        form = reader.form("/staff/schedule/copy")
        for name in [name for name in form.fields if name.startswith("to_")]:
            del form.fields[name]  # nothing is ticked
        await reader.send(form, **{f"to_{monday}": "yes", "step": "preview"})
        assert (words in reader.text) is is_said, monday


async def test_a_timetable_and_a_session_name_the_days_off_that_they_meet(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY)
    [[timetable_id]] = await ask(site.platform, "SELECT id FROM timetables")
    for day, like in ((THURSDAY, None), (SATURDAY, 4), ("2026-12-07", None)):
        await change(
            site.platform,
            "INSERT INTO calendar_days (day, like_weekday, reason, by_name, at)"
            " VALUES (%s, %s, '全市活动', 'boss', now())",
            *(day, like),
        )
    await reader.go(f"/staff/schedule/timetables/{timetable_id}")
    said = words(reader)
    assert "每周排班会遇到这些日期" in said
    assert "12月5日 周六 班，按周四" in said
    assert "12月10日 周四 休 全市活动" in said
    assert "12月7日" not in said  # a Monday
    assert "2027年1月1日 周五起还没有收录国务院的放假安排" in said
    await reader.go(f"/staff/schedule/sessions/{session_id}")  # on the third
    assert "节假日与调休：" not in words(reader)
    assert "还没有收录" not in words(reader)
    await change(
        site.platform,
        "UPDATE clinic_sessions SET visit_date = %s WHERE id = %s",
        THURSDAY,
        session_id,
    )
    await reader.go(f"/staff/schedule/sessions/{session_id}")
    assert "节假日与调休：12月10日 周四 休 全市活动" in words(reader)
    await reader.go("/staff/schedule/bulk?preview=yes&capacity=3&first=2026-12-07&last=2026-12-11")
    assert "有2个门诊在休息日或调休上班日： 12月10日 周四 休 全市活动" in words(reader)
    await reader.go("/staff/schedule/bulk?preview=yes&capacity=20&first=2026-12-10")
    assert "有1个门诊在休息日" in words(reader)  # the other has 20 places already


async def _days_off_of_the_city(site: Site) -> None:
    for day, like in ((THURSDAY, None), (SATURDAY, 4)):
        await change(
            site.platform,
            "INSERT INTO calendar_days (day, like_weekday, reason, by_name, at)"
            " VALUES (%s, %s, '全市活动', 'boss', now())",
            *(day, like),
        )


async def test_a_copied_week_names_the_days_off_that_it_meets(site: Site) -> None:
    reader, _ = await scheduler(site)  # with sessions on Thursday the third
    await _days_off_of_the_city(site)
    copy = "/staff/schedule/copy"
    await reader.go(f"{copy}?week=2026-11-30")
    assert "12月7日 – 12月13日 12月10日 休 全市活动" in words(reader)
    form = reader.form(copy)
    for name in [name for name in form.fields if name.startswith("to_")]:
        del form.fields[name]  # nothing is ticked
    await reader.send(form, **{"to_2026-12-07": "yes", "step": "preview"})
    assert "个门诊在休息日或调休上班日： 12月10日 周四 休 全市活动" in words(reader)
    form = reader.form(copy)
    del form.fields["to_2026-12-07"]
    await reader.send(form, **{"to_2026-12-14": "yes", "step": "preview"})
    assert "在休息日或调休上班日" not in words(reader)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (THURSDAY, "12月10日 周四 休 全市活动"),
        (SATURDAY, "12月5日 周六 班，按周四"),
        ("2027-01-04", "还没有收录国务院的放假安排"),
        ("2026-12-09", ""),
        ("9999-12-31", ""),
        ("x", ""),
    ],
)
async def test_the_form_of_a_single_session_names_its_day_off(
    site: Site, day: str, said: str
) -> None:
    reader, _ = await scheduler(site)
    await _days_off_of_the_city(site)
    await reader.go(f"/staff/schedule/once?first={day}")
    assert reader.page.status_code == 200
    if said:
        assert said in words(reader)
    else:
        assert "节假日与调休：" not in words(reader)
        assert "还没有收录" not in words(reader)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (THURSDAY, "已添加。注意：12月10日 周四是休息日（全市活动）。"),
        (SATURDAY, "已添加。注意：12月5日 周六是调休上班日，按周四出诊。"),
    ],
)
async def test_without_scripts_an_added_session_names_its_day_off(
    site: Site, day: str, said: str
) -> None:
    reader, _ = await scheduler(site)
    await _days_off_of_the_city(site)
    await reader.go("/staff/schedule/once")
    await reader.send(
        reader.form("/staff/schedule/once"), first=day, title="主任医师", fee="50", capacity="3"
    )
    assert said in words(reader)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
async def test_a_date_without_neighbours_is_refused(site: Site, day: str) -> None:
    reader, _ = await scheduler(site)
    await reader.go(CALENDAR)
    await reader.send(reader.form(CALENDAR), day=day, like="off", reason="院庆")
    assert reader.page.status_code == 422
    assert "请选择明天起两年内的日期" in reader.text
