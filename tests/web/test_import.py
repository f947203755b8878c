"""Importing a plan through its pages: preview, faults by cell, confirmation, progress."""

from __future__ import annotations

import html
import re
from datetime import date, time

from tests.city import ask
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.test_schedule import book_it, scheduler

from guahao.flows.imports import importing
from guahao.sheets.write import Column, Kind, Table, workbook

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
    return workbook([Table("十二月", HEADINGS, rows)])  # type: ignore[arg-type]


async def send(reader: Reader, data: bytes, name: str = "排班.xlsx") -> None:
    """Upload a file, and let the worker check it."""
    await reader.go("/staff/schedule/import")
    form = reader.form("/staff/schedule/import")
    fields = {"csrf": form.fields["csrf"]}
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
