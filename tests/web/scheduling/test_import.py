"""Importing a plan through its pages: preview, faults by cell, confirmation, progress."""

from __future__ import annotations

import html
import io
import re
from datetime import date, time
from pathlib import Path

import pytest
import xlsxwriter
from rich.console import Console
from tests.city import Clock, ask, change
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.scheduling.test_schedule import book_it, hospital_of, scheduler
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.flows.supply.imports import importing
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Column, Kind, Table, csv_file
from guahao.tools import session_import
from guahao.tools.session_import import Sentences

HEADINGS = (
    Column("科室"),
    Column("职称"),
    Column("专业"),
    Column("就诊日期", Kind.DATE),
    Column("时段"),
    Column("开始时间", Kind.TIME),
    Column("结束时间", Kind.TIME),
    Column("医事服务费（元）", Kind.MONEY),
    Column("号源数", Kind.NUMBER),
)
FRIDAY = date(2026, 12, 4)
ROW = ("心血管内科", "主任医师", "高血压", FRIDAY, "上午", time(9), time(10), 8050, 12)


def with_(row: tuple[object, ...] = ROW, **changed: object) -> tuple[object, ...]:
    names = ("department", "title", "specialty", "day", "period", "start", "end", "fee", "places")
    return tuple(changed.get(name, value) for name, value in zip(names, row, strict=True))


def book(*rows: tuple[object, ...]) -> bytes:
    return csv_file(Table("十二月", HEADINGS, rows))  # type: ignore[arg-type]


async def send(reader: Reader, data: bytes, name: str = "十二月", **ticked: str) -> None:
    """Upload a file, and let the worker check it."""
    await reader.go("/staff/schedule/import")
    form = reader.form("/staff/schedule/import")
    fields = {"csrf": form.fields["csrf"], **ticked}
    reader.page = await reader.client.post(form.action, data=fields, files={"file": (name, data)})
    await work(reader)


async def work(reader: Reader) -> None:
    """Let the worker do what waits, and look again."""
    [[id]] = await ask(reader.site.platform, "SELECT max(id) FROM supply_imports")
    await importing.carry_out(reader.site.platform, id)
    await reader.go(reader.path)


async def confirm(reader: Reader) -> None:
    await reader.send(reader.form(f"{reader.path}/confirm"))
    await work(reader)


def words(reader: Reader) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(reader.text)).split())


@pytest.mark.no_draws
async def test_a_file_is_previewed_confirmed_and_can_be_booked_at_once(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, book(ROW, with_(start=time(10), end=time(11))))
    assert "没有问题" in words(reader)
    assert "新增门诊 2 更改门诊 0 门诊不变 0" in words(reader)
    assert "12月4日 周五 上午 09:00–10:00" in words(reader)
    assert await count(site.platform, "clinic_sessions") == 1
    await confirm(reader)
    assert "已导入" in words(reader)
    rows = await ask(
        site.platform,
        "SELECT title, specialty, period, starts_at, ends_at, fee_fen, capacity, id"
        " FROM clinic_sessions WHERE visit_date = %s ORDER BY starts_at",
        FRIDAY,
    )
    assert rows[0][:7] == ("主任医师", "高血压", "morning", time(9), time(10), 8050, 12)
    await book_it(site, rows[0][7])
    [[action, detail]] = await ask(
        site.platform, "SELECT action, detail FROM audit_trail WHERE action = 'import_sessions'"
    )
    assert '"add":2' in detail
    assert await count(site.platform, "supply_imports", "content IS NULL") == 1
    assert action


async def test_a_repeat_says_that_nothing_changed(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, book(ROW))
    await confirm(reader)
    await send(reader, book(ROW))
    assert "没有变化" in words(reader)
    assert "新增门诊 0 更改门诊 0 门诊不变 1" in words(reader)
    assert "确认导入" not in reader.text
    assert await count(site.platform, "clinic_sessions", "visit_date = '2026-12-04'") == 1


WEEKDAY_HEADINGS = (Column("星期"), Column("开始日期", Kind.DATE), Column("结束日期", Kind.DATE))


async def test_the_preview_names_days_off_and_where_the_national_calendar_ends(site: Site) -> None:
    reader, _ = await scheduler(site)
    for day, like in ((FRIDAY, None), (date(2026, 12, 12), 5), (date(2026, 12, 8), None)):
        await change(
            site.platform,
            "INSERT INTO calendar_days (day, like_weekday, reason, by_name, at)"
            " VALUES (%s, %s, '全市活动', 'boss', now())",
            *(day, like),
        )
    await send(reader, book(ROW, with_(start=time(10), end=time(11)), with_(day=date(2026, 12, 9))))
    assert "有2个门诊在休息日或调休上班日： 12月4日 周五 休 全市活动 2个门诊" in words(reader)
    assert "还没有收录" not in words(reader)
    await confirm(reader)
    assert "在休息日或调休" not in words(reader)
    await send(reader, book(ROW, with_(day=date(2027, 9, 1))))  # the first changes nothing
    assert "在休息日或调休" not in words(reader)
    assert "2027年1月1日 周五起还没有收录国务院的放假安排" in words(reader)
    headings = (*HEADINGS[:3], *WEEKDAY_HEADINGS, *HEADINGS[4:])
    weekly = (*ROW[:3], "周五", FRIDAY, date(2026, 12, 25), *ROW[4:])
    await send(reader, csv_file(Table("每周", headings, [weekly])))
    assert "每周排班会遇到这些日期" in words(reader)
    assert "12月4日 周五 休 全市活动 12月12日 周六 班，按周五" in words(reader)
    assert "12月8日" not in words(reader)
    assert "还没有收录" not in words(reader)


async def test_a_change_is_shown_as_before_and_after(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, book(ROW))
    await confirm(reader)
    await send(reader, book(with_(fee=9000, places=15, end=time(9, 30))))
    assert "09:00–09:30" in words(reader)
    assert "10:00 → 09:30 80.50 → 90.00 12 → 15" in words(reader)
    await confirm(reader)
    rows = await ask(
        site.platform,
        "SELECT fee_fen, capacity, ends_at FROM clinic_sessions WHERE visit_date = %s",
        FRIDAY,
    )
    assert rows == [(9000, 15, time(9, 30))]


# As `add_session` makes it: Thursday morning, 08:30 to 09:00, 80 yuan, 20 places.
THERE = with_(day=date(2026, 12, 3), start=time(8, 30), end=time(9), fee=8000, places=20)


async def test_what_was_confirmed_is_not_applied_when_the_plan_has_changed(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await send(reader, book(ROW, with_(THERE, places=30)))
    await change(site.platform, "UPDATE clinic_sessions SET capacity = 25")
    await confirm(reader)
    assert await count(site.platform, "clinic_sessions") == 1
    await work(reader)
    assert "您确认的时候排班已有变化" in words(reader)
    assert "25 → 30" in words(reader)
    await confirm(reader)
    assert "已导入" in words(reader)
    [[capacity]] = await ask(
        site.platform, "SELECT capacity FROM clinic_sessions WHERE id = %s", session_id
    )
    assert capacity == 30
    assert await count(site.platform, "clinic_sessions") == 2


async def test_bookings_after_the_preview_keep_places_from_falling_below_them(site: Site) -> None:
    reader, session_id = await scheduler(site)
    await send(reader, book(ROW, with_(THERE, places=1)))
    assert "20 → 1" in words(reader)
    await book_it(site, session_id, 1)
    await book_it(site, session_id, 2)
    await confirm(reader)
    await work(reader)
    assert "I3" in words(reader)
    assert "已有2人预约" in words(reader)
    assert await ask(site.platform, "SELECT capacity, booked FROM clinic_sessions") == [(20, 2)]


async def test_a_department_taken_off_after_the_preview_is_noticed(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, book(ROW))
    await change(site.platform, "UPDATE departments SET on_platform = false")
    await confirm(reader)
    await work(reader)
    assert "这个科室不在平台放号" in words(reader)
    assert await count(site.platform, "clinic_sessions") == 1


async def test_a_stopped_session_and_yesterday_may_stand_in_the_file_as_they_are(
    site: Site, clock: Clock
) -> None:
    reader, _ = await scheduler(site)
    await change(site.platform, "UPDATE clinic_sessions SET stopped_at = now()")
    await send(reader, book(ROW, THERE))
    await confirm(reader)
    assert await count(site.platform, "clinic_sessions", "stopped_at IS NOT NULL") == 1
    clock.forward(days=5)
    [[hospital_id]] = await ask(site.platform, "SELECT DISTINCT hospital_id FROM clinic_sessions")
    reader = await at_the_desk(site, Role.SCHEDULER, hospital_id)
    await send(reader, book(ROW, THERE))
    assert "新增门诊 0 更改门诊 0 门诊不变 2" in words(reader)
    assert "其中1个已停诊，保持停诊" in words(reader)


async def test_a_file_can_be_withdrawn_until_it_is_confirmed(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, book(ROW))
    path = reader.path
    kept = reader.form(f"{path}/withdraw")
    await reader.send(kept)
    assert "文件已撤回" in words(reader)
    assert await count(site.platform, "supply_import_rows") == 0
    await reader.go(path)
    assert "确认导入" not in reader.text
    await reader.client.post(f"{path}/confirm", data=kept.fields)
    await importing.carry_on(site.platform)
    assert await count(site.platform, "clinic_sessions") == 1


async def test_without_a_file_the_page_asks_for_one(site: Site) -> None:
    reader, _ = await scheduler(site)
    await reader.go("/staff/schedule/import")
    await reader.send(reader.form("/staff/schedule/import"))
    assert reader.page.status_code == 422
    assert "请选择文件" in reader.text


async def test_csv_of_an_old_excel_is_taken_with_english_headings_too(site: Site) -> None:
    reader, _ = await scheduler(site)
    text = (
        "Department code;Title;Visit date;Period;Fee (yuan);Capacity\n"
        "03.04;普通门诊;2026/12/4;afternoon;50.5;8\n"
    )
    await send(reader, text.encode("gb18030"), "plan.csv")
    await confirm(reader)
    [row] = await ask(
        site.platform,
        "SELECT title, period, fee_fen, capacity FROM clinic_sessions WHERE visit_date = %s",
        FRIDAY,
    )
    assert row == ("普通门诊", "afternoon", 5050, 8)


async def test_the_template_can_be_imported_as_it_is_but_for_its_example(site: Site) -> None:
    for language in ("zh", "en"):
        reader, _ = await scheduler(site, language=language)
        answer = await reader.client.get("/staff/schedule/import/template")
        await send(reader, answer.content)
        [[state, found]] = await ask(
            site.platform, "SELECT state, found FROM supply_imports ORDER BY id DESC LIMIT 1"
        )
        assert state == "checked", found
        assert '"add":1' in found
        assert '"add_weekly":1' in found


async def test_what_was_exported_changes_nothing_when_it_is_imported(site: Site) -> None:
    reader, _ = await scheduler(site)
    await change(  # two that look the same: nobody is named (S1)
        site.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                     fee_fen, capacity)
        SELECT hospital_id, department_id, '普通门诊', visit_date, 'afternoon', 5000, n
        FROM clinic_sessions, generate_series(5, 6) n
        """,
    )
    answer = await reader.client.get("/staff/schedule/export?first=2026-12-01&last=2026-12-31")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    await send(reader, answer.content)
    assert "新增门诊 0 更改门诊 0 门诊不变 3" in words(reader)


async def test_an_export_without_dates_says_what_is_wrong(site: Site) -> None:
    reader, _ = await scheduler(site)
    for query in ("", "?first=2026-12-05&last=2026-12-01"):
        answer = await reader.client.get(f"/staff/schedule/export{query}")
        assert answer.status_code == 422
        assert "请选择日期" in answer.text


# Weekly timetables --------------------------------------------------------------------------

WEEKLY = (
    *(Column("科室"), Column("职称"), Column("星期"), Column("开始日期", Kind.DATE)),
    *(Column("结束日期", Kind.DATE), Column("时段"), Column("费用", Kind.MONEY)),
    Column("号源数", Kind.NUMBER),
)


def weekly(places: int, last: date | None = None, weekday: str = "周四") -> bytes:
    row = ("心血管内科", "普通门诊", weekday, date(2026, 12, 1), last, "下午", 5000, places)
    return csv_file(Table("每周", WEEKLY, [row]))


async def test_timetables_are_imported_and_their_sessions_follow(site: Site) -> None:
    reader, _ = await scheduler(site)
    made = "timetable_id IS NOT NULL"
    await send(reader, weekly(20))
    assert "新增每周排班 1" in words(reader)
    await confirm(reader)
    assert await count(site.platform, "clinic_sessions", made) == 13
    await send(reader, weekly(20))
    assert "没有变化" in words(reader)
    await send(reader, weekly(30, date(2026, 12, 10)))
    assert "长期 → 12月10日 周四" in words(reader)
    await confirm(reader)
    assert await ask(
        site.platform,
        f"SELECT visit_date, capacity FROM clinic_sessions WHERE {made} ORDER BY visit_date",
    ) == [(date(2026, 12, 3), 30), (date(2026, 12, 10), 30)]
    await send(reader, weekly(30))
    await confirm(reader)
    assert await count(site.platform, "timetables", "valid_until = 'infinity'") == 1
    assert await count(site.platform, "clinic_sessions", made) == 13


def filtered_book() -> bytes:
    """Three sessions, the second hidden by a filter, and a fourth on a hidden sheet."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as excel:
        for name, hours in (("十二月", (9, 10, 11)), ("旧表", (8,))):
            sheet = excel.add_worksheet(name)
            sheet.write_row(0, 0, [column.heading for column in HEADINGS])
            for number, hour in enumerate(hours, start=1):
                row = (*ROW[:3], "2026-12-04", "上午", f"{hour}：00", f"{hour}.30", 80.5, 12)
                sheet.write_row(number, 0, row)
            if name == "十二月":
                sheet.autofilter(0, 0, 3, 8)
                sheet.set_row(2, options={"hidden": True})
            else:
                sheet.hide()
    return content.getvalue()


async def test_what_a_file_hides_is_named_and_left_out(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, filtered_book(), "plan.xlsx")
    said = words(reader)
    assert "工作表“十二月”中隐藏或被筛选掉的1行：第3行" in said
    assert "隐藏的工作表“旧表”，共2行" in said
    assert "新增门诊 2 更改门诊 0 门诊不变 0" in said
    await confirm(reader)
    rows = await ask(
        site.platform,
        "SELECT starts_at, ends_at FROM clinic_sessions WHERE visit_date = %s ORDER BY starts_at",
        FRIDAY,
    )
    assert rows == [(time(9), time(9, 30)), (time(11), time(11, 30))]


async def test_what_a_file_hides_is_imported_where_that_is_asked(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, filtered_book(), "plan.xlsx", hidden="yes")
    said = words(reader)
    assert "隐藏的内容" not in said
    assert "新增门诊 4 更改门诊 0 门诊不变 0" in said


async def test_a_command_leaves_out_what_is_hidden_unless_asked(site: Site) -> None:
    _, session_id = await scheduler(site)
    hospital_id = await hospital_of(site, session_id)
    for include_hidden, counted in ((False, "2 new"), (True, "4 new")):
        console = Console(record=True, width=200)
        sentences = Sentences(str, lambda fault: fault.word)
        assert await session_import.run(
            *(site.platform, "plan.xlsx", filtered_book(), hospital_id, sentences, console),
            dry_run=True,
            include_hidden=include_hidden,
        )
        printed = console.export_text()
        assert counted in printed
        assert ("Left out of 十二月: rows 3 (1 in all)." in printed) is not include_hidden
        assert ("--include-hidden" in printed) is not include_hidden


OLD_EXCEL = (Path(__file__).parents[2] / "sheets" / "plan.xls").read_bytes()


async def test_of_old_excel_it_is_said_that_hidden_rows_are_not_recognised(site: Site) -> None:
    reader, _ = await scheduler(site)
    await send(reader, OLD_EXCEL, "plan.xls")
    assert words(reader).count("隐藏或被筛选掉的行无法识别") == 1
    assert "请另存为.xlsx后重新上传" in words(reader)
    # Asked to import what is hidden too, or of a kind that tells: nothing to say.
    await send(reader, OLD_EXCEL, "plan.xls", hidden="yes")
    assert "无法识别" not in words(reader)
    await send(reader, filtered_book(), "plan.xlsx")
    assert "无法识别" not in words(reader)


async def test_a_command_says_it_of_old_excel_too(site: Site) -> None:
    _, session_id = await scheduler(site)
    hospital_id = await hospital_of(site, session_id)
    console = Console(record=True, width=200)
    sentences = Sentences(str, lambda fault: fault.word)
    await session_import.run(
        *(site.platform, "plan.xls", OLD_EXCEL, hospital_id, sentences, console), dry_run=True
    )
    assert "Hidden rows cannot be recognised in .xls files" in console.export_text()
