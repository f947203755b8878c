"""Changing many sessions and copying a week: shown first, done once, undone as a whole."""

from __future__ import annotations

import pytest
from tests.city import ask, change
from tests.crowd import count
from tests.web.browsing import Form, Reader, _Forms
from tests.web.scheduling.test_schedule import book_it, scheduler
from tests.web.site import Site

BULK = "/staff/schedule/bulk"
COPY = "/staff/schedule/copy"
TO = "to_2026-12-07"


async def select(reader: Reader, **fields: str) -> None:
    query = {"preview": "yes", "first": "2026-12-03", "last": "2026-12-09"} | fields
    await reader.go(f"{BULK}?" + "&".join(f"{name}={text}" for name, text in query.items()))


async def capacity(site: Site, session_id: int) -> int:
    [[places]] = await ask(
        site.platform, "SELECT capacity FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(places)


async def copied(site: Site) -> int:
    return await count(site.platform, "clinic_sessions", "visit_date = '2026-12-10'")


@pytest.mark.no_draws
async def test_a_change_is_shown_with_what_the_law_refuses_then_done_and_undone(
    site: Site,
) -> None:
    reader, session_id = await scheduler(site)
    [[other]] = await ask(
        site.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                     period, fee_fen, capacity)
        SELECT hospital_id, department_id, title, specialty, '2026-12-04', period, fee_fen, 9
        FROM clinic_sessions WHERE id = %s RETURNING id
        """,
        session_id,
    )
    for number in (1, 2):
        await book_it(site, session_id, number)
    await select(reader, capacity="1")
    assert "将更改1个门诊，0个本来就是这样，1个不能改" in reader.text
    assert "号源数不能少于2" in reader.text
    await reader.send(_posting(reader), reason="医生减号")
    assert "已更改1个门诊" in reader.text
    assert (await capacity(site, session_id), await capacity(site, other)) == (20, 1)
    await reader.send(reader.form("/staff/schedule/acts/1/undo"))
    assert "已撤销：恢复原样 1" in reader.text
    assert await capacity(site, other) == 9


def _posting(reader: Reader) -> Form:
    """Return the form that changes what the preview shows."""
    forms = _Forms()
    forms.feed(reader.text)
    return next(form for form in forms.found if form.action == BULK and "version" in form.fields)


async def test_a_preview_that_is_out_of_date_is_shown_anew(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await select(reader, capacity="30")
    posting = _posting(reader)
    await change(
        site.platform, "UPDATE clinic_sessions SET fee_fen = 100 WHERE id = %s", session_id
    )
    await reader.send(posting, reason="加号")
    assert reader.page.status_code == 409
    assert "预览后门诊有变化，没有更改" in reader.text
    assert await capacity(site, session_id) == 20
    await reader.send(_posting(reader), reason="加号")
    assert await capacity(site, session_id) == 30


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "请填写要改的内容"),
        ({"capacity": "x"}, "号源数须在0到1000之间"),
        ({"fee": "1.234"}, "费用须在0到"),
        ({"capacity": "1", "first": "2026-13-01"}, "请选择日期"),
        ({"capacity": "1", "last": "2026-12-01"}, "请选择日期"),
        ({"capacity": "1", "weekday_1": "yes"}, "没有需要更改的门诊"),
        ({"capacity": "1", "department": "999999"}, "没有需要更改的门诊"),
    ],
)
async def test_a_bad_selection_or_change_is_said(
    site: Site, typed: dict[str, str], said: str
) -> None:
    reader, _ = await scheduler(site)
    await select(reader, **typed)
    assert reader.page.status_code == 422
    assert said in reader.text


async def test_a_week_is_copied_once_and_undone(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go(COPY)
    unticked = {name: "" for name in reader.form(COPY).fields if name.startswith("to_")}
    await reader.send(reader.form(COPY), **unticked | {"step": "preview"})
    assert reader.page.status_code == 422
    await reader.send(reader.form(COPY), **unticked | {TO: "yes", "step": "preview"})
    assert "新增1个，已有0个" in reader.text
    assert await copied(site) == 0
    await reader.send(reader.form(COPY), **unticked | {TO: "yes", "step": "save"})
    assert "已复制，新增1个门诊" in reader.text
    assert await copied(site) == 1
    # Again: the preview says so, and nothing is made twice.
    await reader.go(COPY)
    await reader.send(reader.form(COPY), **unticked | {TO: "yes", "step": "preview"})
    assert "新增0个，已有1个" in reader.text
    await reader.send(reader.form(COPY), **unticked | {TO: "yes", "step": "save"})
    assert await copied(site) == 1
    await reader.go(COPY)
    await reader.send(reader.form("/staff/schedule/acts/1/undo"))
    assert "已撤销：撤下 1" in reader.text
    assert await copied(site) == 0


async def test_a_week_that_no_calendar_holds_is_refused(site: Site) -> None:
    reader, _ = await scheduler(site)
    for week in ("9999-12-31", "0001-01-01"):
        assert (await reader.go(f"{COPY}?week={week}")).status_code == 200
        await reader.send(reader.form(COPY), week=week)
        assert reader.page.status_code == 422
        assert "请选择日期" in reader.text
    await reader.go(COPY)
    form = reader.form(COPY)
    others = {name: "" for name in form.fields if name.startswith("to_")}
    await reader.send(form, **others, to_20261207="yes")
    assert reader.page.status_code == 422


@pytest.mark.no_draws
async def test_a_copy_that_was_booked_since_stays_and_a_day_later_nothing_is_undone(
    site: Site,
) -> None:
    reader, _ = await scheduler(site)
    await reader.go(COPY)
    unticked = {name: "" for name in reader.form(COPY).fields if name.startswith("to_")}
    for week in (TO, "to_2026-12-14"):
        await reader.send(reader.form(COPY), **unticked | {week: "yes", "step": "preview"})
        await reader.send(reader.form(COPY), **unticked | {week: "yes", "step": "save"})
        assert "已复制" in reader.text
    [[made]] = await ask(
        site.platform, "SELECT id FROM clinic_sessions WHERE visit_date = '2026-12-10'"
    )
    await book_it(site, int(made))
    await reader.send(reader.form("/staff/schedule/acts/1/undo"))
    assert "已有人预约，照常出诊、不再放号 1" in reader.text
    assert await capacity(site, int(made)) == 1
    old = reader.form("/staff/schedule/acts/2/undo")
    await change(site.platform, "UPDATE supply_acts SET at = at - interval '24 hours'")
    await reader.send(old)
    assert "超过24小时" in reader.text


async def test_another_hospital_neither_selects_nor_undoes(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await select(reader, capacity="30")
    await reader.send(_posting(reader), reason="加号")
    undo = reader.form("/staff/schedule/acts/1/undo")
    other, _ = await scheduler(site)
    await select(other, capacity="5")
    assert f"/staff/schedule/sessions/{session_id}" not in other.text
    forged = other.form("/staff/logout")
    forged.action = undo.action
    await other.send(forged)
    assert other.page.status_code == 404
    assert await capacity(site, session_id) == 30


async def test_the_month_shows_sessions_and_holidays(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await change(
        site.platform,
        "INSERT INTO calendar_days (day, reason, by_name, at) VALUES ('2026-12-11','节','x',now())",
    )
    await reader.go("/staff/schedule/month?month=2026-12")
    assert f"/staff/schedule/sessions/{session_id}" in reader.text
    assert "休" in reader.text
    await reader.go("/staff/schedule/month?month=9999-99")
    assert reader.page.status_code == 200


async def test_a_stop_may_be_of_some_weekdays_only(site: Site) -> None:
    reader, _ = await scheduler(site)
    stop = "/staff/schedule/stop?first=2026-11-30&last=2026-12-31"
    await reader.go(f"{stop}&weekday_5=yes")
    assert "这个范围内没有可以停诊的门诊" in reader.text
    await reader.go(f"{stop}&weekday_4=yes")
    assert "将受影响" in reader.text
