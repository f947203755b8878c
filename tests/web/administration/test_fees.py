"""Titles and fees: what forms offer, what a new fee reaches, and what a patient was told."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from tests.city import add_session, ask, change
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.scheduling.test_import import confirm, send
from tests.web.scheduling.test_schedule import WEEKLY, book_it, hospital_of, scheduler
from tests.web.site import Site, add_citizen
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.supply import fees as flows
from guahao.flows.supply import schedules
from guahao.flows.supply.fees import FeeChanged
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.fees import DatedFee
from guahao.rules.supply.planning import PlanRefusal
from guahao.sheets.write import Column, Kind, Table, workbook

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

CHIEF = "主任医师"
JANUARY = date(2027, 1, 1)


async def charge(
    site: Site, hospital_id: int, fee_fen: int, holds_from: str = "2000-01-01"
) -> None:
    """The hospital's list has this fee for a chief physician from a date on."""
    await change(
        site.platform,
        "INSERT INTO hospital_fees (hospital_id, title, holds_from, fee_fen)"
        " VALUES (%s, %s, %s, %s)",
        *(hospital_id, CHIEF, holds_from, fee_fen),
    )


async def acting(site: Site, hospital_id: int) -> Staff:
    by = await add_member(site.platform, Role.ADMINISTRATOR)
    return by.acting_for(hospital_id)


async def planned(site: Site) -> tuple[Reader, int]:
    """A hospital that charges 80, with a weekly line by the list, until February."""
    reader, session_id = await scheduler(site)
    hospital_id = await hospital_of(site, session_id)
    await charge(site, hospital_id, 8000)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY | {"title": CHIEF, "fee": ""})
    assert "已添加" in reader.text
    return reader, hospital_id


async def fees_by_month(site: Site) -> list[tuple[int, int, int]]:
    """Of the weekly line's sessions: month, fee, how many."""
    return await ask(
        site.platform,
        """
        SELECT extract(month FROM visit_date)::int, fee_fen, count(*)::int FROM clinic_sessions
        WHERE timetable_id IS NOT NULL GROUP BY 1, 2 ORDER BY min(visit_date), 2
        """,
    )


async def test_a_form_offers_the_citys_titles_with_the_hospitals_fees(site: Site) -> None:
    reader, _ = await planned(site)
    await reader.go("/staff/schedule/new")
    assert f'<option value="{CHIEF}">{CHIEF} · ¥80</option>' in reader.text
    assert await ask(site.platform, "SELECT DISTINCT fee_fen FROM clinic_sessions") == [(8000,)]
    await reader.send(None, **WEEKLY | {"title": "城里没有的职称"})
    assert "请从列表中选择职称" in reader.text
    assert await count(site.platform, "timetables") == 1


async def test_a_new_fee_is_previewed_and_reaches_whom_the_administrator_says(site: Site) -> None:
    _, hospital_id = await planned(site)
    [[booked], *_] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions WHERE visit_date > '2027-01-01' ORDER BY visit_date",
    )
    await book_it(site, booked)
    path = f"/staff/hospitals/{hospital_id}/fees"
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(path)
    await reader.send(reader.form(path), title=CHIEF, fee="100", holds_from="2027-01-01")
    assert "<dt>已放出、无人预约</dt><dd>7</dd>" in reader.text
    assert "<dt>已有人预约</dt><dd>1</dd>" in reader.text
    assert await count(site.platform, "hospital_fees") == 1
    await reader.send(reader.form(path), step="save_all")
    assert "更改了7个无人预约的门诊" in reader.text
    assert await fees_by_month(site) == [
        (12, 8000, 5),
        (1, 8000, 1),
        (1, 10000, 3),
        (2, 10000, 4),
    ]
    # The patient pays what they were told.
    [[fee]] = await ask(site.platform, "SELECT fee_fen FROM clinic_sessions WHERE id = %s", booked)
    assert fee == 8000
    assert await count(site.platform, "audit_trail", "action = 'change_fee'") == 1


async def test_without_the_administrators_word_only_sessions_still_to_be_made_have_it(
    site: Site,
) -> None:
    _, hospital_id = await planned(site)
    by = await acting(site, hospital_id)
    seen = (await flows.fee_list(site.platform, by)).version
    fee = DatedFee(CHIEF, JANUARY, 10000)
    outcome = await flows.change(site.platform, by, seen, fee, to_sessions=False)
    assert outcome == FeeChanged(0)
    assert {row[1] for row in await fees_by_month(site)} == {8000}
    await schedules.roll_forward(site.platform, days=100)
    assert (3, 10000, 1) in await fees_by_month(site)
    # Afterwards, the same fee can still be given to those that were there.
    seen = (await flows.fee_list(site.platform, by)).version
    outcome = await flows.change(site.platform, by, seen, fee, to_sessions=True)
    assert outcome == FeeChanged(8)


async def test_a_line_with_a_price_of_its_own_keeps_it(site: Site) -> None:
    reader, hospital_id = await planned(site)
    await reader.go("/staff/schedule/new")
    await reader.send(None, **WEEKLY | {"title": CHIEF, "specialty": "疑难", "fee": "300"})
    by = await acting(site, hospital_id)
    fee = DatedFee(CHIEF, JANUARY, 10000)
    reach = await flows.preview(site.platform, by, fee)
    assert not isinstance(reach, Refused)
    assert (reach.free, reach.own) == (8, 8)
    seen = (await flows.fee_list(site.platform, by)).version
    await flows.change(site.platform, by, seen, fee, to_sessions=True)
    await schedules.roll_forward(site.platform, days=100)
    prices = await ask(site.platform, "SELECT DISTINCT fee_fen FROM clinic_sessions ORDER BY 1")
    assert prices == [(8000,), (10000,), (30000,)]
    assert await count(site.platform, "clinic_sessions", "fee_fen = 30000") == 14


async def test_a_line_by_the_list_that_changes_its_places_keeps_each_days_fee(site: Site) -> None:
    reader, hospital_id = await planned(site)
    await charge(site, hospital_id, 10000, "2027-01-01")
    [[id]] = await ask(site.platform, "SELECT id FROM timetables")
    path = f"/staff/schedule/timetables/{id}"
    await reader.go(path)
    await reader.send(reader.form(path), capacity="33")
    assert "已随之更改" in reader.text
    assert await fees_by_month(site) == [(12, 8000, 5), (1, 10000, 4), (2, 10000, 4)]


async def test_who_books_while_a_fee_changes_pays_what_the_session_says(site: Site) -> None:
    session_id = await add_session(site.platform)
    hospital_id = await hospital_of(site, session_id)
    await charge(site, hospital_id, 8000)
    by = await acting(site, hospital_id)
    citizens = [await add_citizen(site, number) for number in range(1, 6)]
    seen = (await flows.fee_list(site.platform, by)).version
    fee = DatedFee(CHIEF, date(2026, 12, 1), 9900)
    changed, answers = await asyncio.gather(
        flows.change(site.platform, by, seen, fee, to_sessions=True),
        asyncio.gather(*(site.book(citizen, session_id) for citizen in citizens)),
    )
    assert {answer.status_code for answer in answers} == {201}
    [[now]] = await ask(
        site.platform, "SELECT fee_fen FROM clinic_sessions WHERE id = %s", session_id
    )
    assert isinstance(changed, FeeChanged)
    assert now == (9900 if changed.applied else 8000)
    again = DatedFee(CHIEF, date(2026, 12, 1), 12000)
    seen = (await flows.fee_list(site.platform, by)).version
    assert await flows.change(site.platform, by, seen, again, to_sessions=True) == FeeChanged(0)


async def test_what_no_fee_may_be_is_said_and_who_saves_second_is_told(site: Site) -> None:
    _, hospital_id = await planned(site)
    path = f"/staff/hospitals/{hospital_id}/fees"
    first, second = [await at_the_desk(site, Role.ADMINISTRATOR) for _ in range(2)]
    good = {"title": CHIEF, "fee": "90", "holds_from": "2027-01-01"}
    for typed, said in (
        ({"title": "城里没有的职称"}, "请从列表中选择职称"),
        ({"fee": "8.005"}, "费用须在0到10000元之间"),
        ({"holds_from": "2026-11-30"}, "最早从明天"),
        ({"holds_from": "2030-01-01"}, "最晚从一年以后"),
        ({"holds_from": ""}, "最早从明天"),
        ({"fee": "80"}, "已经是这个费用"),
    ):
        await first.go(path)
        await first.send(first.form(path), **good | typed)
        assert first.page.status_code == 422, typed
        assert said in first.text, typed
    for reader in (first, second):
        await reader.go(path)
        await reader.send(reader.form(path), **good)
    await first.send(first.form(path), step="save")
    await second.send(second.form(path), step="save")
    assert second.page.status_code == 409
    assert "别人更改了这家医院的费用" in second.text
    assert await count(site.platform, "hospital_fees") == 2


WEEKLY_COLUMNS = (
    Column("科室"),
    Column("职称"),
    Column("星期"),
    Column("开始日期", Kind.DATE),
    Column("时段"),
    Column("医事服务费（元）", Kind.MONEY),
    Column("号源数", Kind.NUMBER),
)


def weekly(title: str, weekday: str, fee_fen: int) -> tuple[str | int | date, ...]:
    return ("心血管内科", title, weekday, date(2026, 12, 1), "上午", fee_fen, 10)


async def test_a_files_timetables_follow_the_list_or_keep_a_price_of_their_own(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await charge(site, await hospital_of(site, session_id), 8000)
    strange = workbook([Table("每周", WEEKLY_COLUMNS, [weekly("城里没有的职称", "周四", 8000)])])
    await send(reader, strange)
    assert "全市的职称中没有这一种" in reader.text
    rows = [weekly(CHIEF, "周四", 8000), weekly(CHIEF, "周五", 30000)]
    await send(reader, workbook([Table("每周", WEEKLY_COLUMNS, rows)]))
    await confirm(reader)
    lines = await ask(
        site.platform, "SELECT iso_weekday, fee_is_own FROM timetables ORDER BY iso_weekday"
    )
    assert lines == [(4, False), (5, True)]


async def test_a_title_is_added_retired_and_put_in_order(site: Site) -> None:
    scheduling, _ = await scheduler(site)
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go("/staff/titles")
    await reader.send(reader.form("/staff/titles"), name="中医师", name_en="TCM physician")
    assert "已添加" in reader.text
    await reader.send(reader.form("/staff/titles"), name="中医师")
    assert "已有这个职称" in reader.text
    [[id]] = await ask(site.platform, "SELECT id FROM titles WHERE name = '中医师'")
    for _ in range(9):
        await reader.go("/staff/titles")
        await reader.send(reader.form(f"/staff/titles/{id}/move"), do="up")
    await scheduling.go("/staff/schedule/new")
    assert scheduling.text.index("中医师") < scheduling.text.index("普通门诊")
    path = f"/staff/titles/{id}"
    await reader.go(path)
    stale = reader.form(path)
    await reader.send(reader.form(path), offered="")
    await reader.confirm()
    await scheduling.go("/staff/schedule/new")
    assert "中医师" not in scheduling.text
    await scheduling.send(None, **WEEKLY | {"title": "中医师"})
    assert "请从列表中选择职称" in scheduling.text
    await reader.send(stale, name_en="Other")
    assert reader.page.status_code == 409
    assert "现为：停用" in reader.text


async def test_a_title_is_said_to_patients_in_the_citys_english(site: Site) -> None:
    session_id = await add_session(site.platform)
    [[department_id, title_id]] = await ask(
        site.platform,
        "SELECT s.department_id, t.id FROM clinic_sessions s JOIN titles t ON t.name = s.title"
        " WHERE s.id = %s",
        session_id,
    )
    citizen = Reader.of(site, language="en")
    await citizen.go(f"/departments/{department_id}")
    assert "Chief physician" in citizen.text
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go(f"/staff/titles/{title_id}")
    await reader.send(reader.form(f"/staff/titles/{title_id}"), name_en="Consultant")
    await citizen.go(f"/departments/{department_id}")
    assert "Consultant" in citizen.text


async def test_a_line_of_a_retired_title_goes_on(site: Site) -> None:
    reader, _ = await planned(site)
    await change(site.platform, "UPDATE titles SET retired_at = now() WHERE name = %s", CHIEF)
    [[id]] = await ask(site.platform, "SELECT id FROM timetables")
    path = f"/staff/schedule/timetables/{id}"
    await reader.go(path)
    await reader.send(reader.form(path), capacity="5")
    assert "已随之更改" in reader.text
    assert PlanRefusal.TITLE_NOT_OFFERED not in reader.text
