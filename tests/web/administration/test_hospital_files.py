"""All hospitals into a file and back: every bad cell named, all or nothing, twice as once."""

from __future__ import annotations

import asyncio
import html
import io
import re
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path
from typing import Any

import python_calamine
import xlsxwriter
from rich.console import Console
from tests.city import add_session, ask, change
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.flows.hospitals.files import columns as c
from guahao.flows.hospitals.files import importing
from guahao.rules.hospitals.hospitals import HospitalFacts
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.sheets.write import Column, Kind, Table, workbook
from guahao.store.hospitals import hospitals as store
from guahao.tools import hospital_import as tool
from guahao.tools.session_import import Sentences

IMPORT = "/staff/hospitals/import"
NAMES = [heading.name for heading in c.HEADINGS]
NEW = {
    "code": "AL0777",
    "name": "演示市康复医院",
    "grade": "二级甲等",
    "district": "演示区",
    "notice": "第一行\n第二行",
    "cycle_days": 14,
    "cancel_time": time(12),
}


def book(*rows: dict[str, Any], names: Sequence[str] = NAMES) -> bytes:
    """A workbook with these rows under the headings of an export."""
    titles = {heading.name: heading.titles[0] for heading in c.HEADINGS}
    kinds = dict.fromkeys(c.TIMES, Kind.TIME)
    columns = [Column(titles.get(name, name), kinds.get(name, Kind.TEXT)) for name in names]
    return workbook([Table("医院", columns, [[row.get(name) for name in names] for row in rows])])


async def administrator(site: Site) -> Reader:
    """At the desk, in a city of two hospitals; one has rules from a later date on."""
    for number in (1, 2):
        await add_session(site.platform)
        await change(
            site.platform,
            "UPDATE hospitals SET name = %s, notice = %s WHERE id = %s",
            *(f"市第{number}医院", "请带证件。\n先建档。", number),
        )
    await change(
        site.platform,
        """
        INSERT INTO hospital_rules
        SELECT id, '2026-12-01', 28, '08:30', '15:00', 1, '15:00', '11:30', '16:30', '20:00'
        FROM hospitals WHERE id = 2
        """,
    )
    return await at_the_desk(site, Role.ADMINISTRATOR)


async def send(reader: Reader, data: bytes, name: str = "医院.xlsx", **ticked: str) -> str:
    await reader.go(IMPORT)
    form = reader.form(IMPORT)
    reader.page = await reader.client.post(
        form.action, data={"csrf": form.fields["csrf"], **ticked}, files={"file": (name, data)}
    )
    return reader.text


async def exported(reader: Reader) -> bytes:
    answer = await reader.client.get("/staff/hospitals/export")
    assert answer.status_code == 200
    return answer.content


def cells(data: bytes) -> list[dict[str, Any]]:
    """The rows of an export."""
    sheet = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_index(0)
    _, *rows = sheet.to_python()
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


async def confirm(reader: Reader) -> str:
    await reader.send(reader.form(f"{reader.path}/confirm"))
    return reader.text


async def test_what_was_exported_changes_nothing_when_it_is_imported(site: Site) -> None:
    reader = await administrator(site)
    data = await exported(reader)
    assert [row["code"] for row in cells(data)] == ["H0", "H1"]
    assert cells(data)[1]["release_time"] == time(8, 30)
    said = await send(reader, data)
    assert "没有变化" in said
    assert "<dt>不变</dt><dd>2</dd>" in said
    assert await count(site.platform, "audit_trail", "subject_kind = 'hospital'") == 0


async def test_a_file_is_previewed_and_applied_as_a_whole_and_once(site: Site) -> None:
    reader = await administrator(site)
    rows = cells(await exported(reader))
    rows[0] |= {"name": "市第一人民医院", "phone": "000-5550", "cancel_time": time(10)}
    data = book(*rows, NEW)
    said = await send(reader, data)
    assert "没有问题" in said
    assert "<del>市第1医院</del>" in said
    assert "<b>10:00</b>" in said
    assert await count(site.platform, "hospitals") == 2
    assert "新增1家医院，更改1家" in await confirm(reader)
    rows_now = await ask(
        site.platform, "SELECT code, name, phone, cancel_time, notice FROM hospitals ORDER BY code"
    )
    assert rows_now[0] == ("AL0777", "演示市康复医院", "", time(12), "第一行\n第二行")
    assert rows_now[1][:3] == ("H0", "市第一人民医院", "000-5550")
    # Rules of a hospital that exists change from tomorrow on; a new one begins with its own.
    dated = await ask(
        site.platform,
        "SELECT holds_from, cancel_time FROM hospital_rules WHERE hospital_id = 1",
    )
    assert dated == [(date(2026, 12, 1), time(10))]
    citizen = Reader.of(site)
    await citizen.go("/search?q=kfyy")
    assert "演示市康复医院" in citizen.text
    assert "没有变化" in await send(reader, data)
    assert "没有变化" in await send(reader, await exported(reader))
    actions = await ask(
        site.platform, "SELECT action, count(*) FROM audit_trail GROUP BY 1 ORDER BY 1"
    )
    seen = {row[0]: row[1] for row in actions}
    assert (seen["add_hospital"], seen["change_hospital"], seen["change_rules"]) == (1, 1, 1)
    assert seen["import_hospitals"] == 1


BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("A2", {"code": ""}, "没有填写"),
    ("A3", {"code": "有空格 的"}, "编码须为字母、数字"),
    ("A4", {"code": "x" * 33}, "太长，最多32个字"),
    ("B5", {"name": "长" * 81}, "太长，最多80个字"),
    ("B6", {"name": "市第2医院"}, "另一家医院也叫这个名称"),
    ("D7", {"grade": "九级"}, "不认识这个词"),
    ("D8", {"grade": ""}, "没有填写"),
    ("E9", {"district": ""}, "没有填写"),
    ("H10", {"phone": "打电话"}, "电话只能有"),
    ("J11", {"notice": "看不见\t的"}, "看不见的字符"),
    ("K12", {"cycle_days": 93}, "太大，最多92"),
    ("K13", {"cycle_days": 0}, "至少为1"),
    ("K14", {"cycle_days": "两周"}, "不是数字"),
    ("L15", {"release_time": "25:00"}, "没有这个时间"),
    ("L16", {"release_time": "八点"}, "不是时间"),
    ("N17", {"cancel_days_before": 31}, "太大，最多30"),
    ("N18", {"cancel_days_before": 1.5}, "须为整数"),
)


async def test_every_bad_cell_is_named_and_nothing_is_changed(site: Site) -> None:
    reader = await administrator(site)
    good = {"grade": "二级", "district": "演示区"}
    rows = [
        {"code": f"N{n}", "name": f"新医院{n}"} | good | typed
        for n, (_, typed, _) in enumerate(BAD)
    ]
    # Of two rows of one hospital the second is named, whatever else is wrong with it.
    twice = [{"code": "N90", "name": "甲医院", **good}, {"code": "N90", "name": "乙医院"}]
    said = html.unescape(await send(reader, book(*rows, *twice)))
    told = dict(re.findall(r"<td><b>([A-Z]+\d+)</b></td>.*?<td>([^<]*)</td></tr>", said, re.DOTALL))
    for place, _, sentence in [*BAD, ("A20", {}, "与第19行是同一家医院")]:
        assert sentence in told.get(place, ""), place
    assert set(told) == {place for place, _, _ in BAD} | {"A20", "D20", "E20"}
    assert await count(site.platform, "hospitals") == 2
    assert "确认导入" not in said


async def test_columns_and_files_that_are_wrong_are_named(site: Site) -> None:
    reader = await administrator(site)
    assert "缺少“等级”一列" in await send(reader, book(NEW, names=["code", "name", "district"]))
    assert "不认识这一列" in await send(reader, book(NEW, names=[*NAMES, "院长"]))
    assert "文件无法读取" in await send(reader, b"%PDF-1.7 no table", "医院.pdf")
    assert "找不到列名" in await send(reader, b"a,b\n1,2\n", "医院.csv")
    await reader.go(IMPORT)
    await reader.send(reader.form(IMPORT))
    assert "请选择文件" in reader.text


async def test_a_file_with_some_columns_leaves_the_others_alone(site: Site) -> None:
    reader = await administrator(site)
    names = ["code", "name", "grade", "district", "phone"]
    row = {"code": "H1", "name": "市第2医院", "grade": "三级甲等", "district": "东城", "phone": "1"}
    assert "<dt>更改</dt><dd>1</dd>" in await send(reader, book(row, names=names))
    await confirm(reader)
    rows = await ask(
        site.platform, "SELECT phone, notice, pickup_place FROM hospitals WHERE id = 2"
    )
    assert rows == [("1", "请带证件。\n先建档。", "门诊楼一层")]
    assert await count(site.platform, "hospital_rules") == 1


async def test_what_changed_between_preview_and_confirmation_is_shown_anew(site: Site) -> None:
    reader = await administrator(site)
    rows = cells(await exported(reader))
    rows[0]["phone"] = "000-1"
    await send(reader, book(*rows))
    await change(site.platform, "UPDATE hospitals SET phone = '000-2' WHERE id = 1")
    said = await confirm(reader)
    assert reader.page.status_code == 409
    assert "数据已有变化" in said
    assert "<del>000-2</del>" in said
    assert await ask(site.platform, "SELECT phone FROM hospitals WHERE id = 1") == [("000-2",)]


async def test_another_administrators_file_is_not_there(site: Site) -> None:
    first = await administrator(site)
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    await send(first, book(NEW))
    await second.go(first.path)
    assert second.page.status_code == 404


async def test_two_who_import_at_once_make_each_hospital_once(site: Site) -> None:
    data = book(*({**NEW, "code": f"N{n}", "name": f"新医院{n}"} for n in range(20)))
    outcomes = await asyncio.gather(
        *(importing.apply(site.platform, SYSTEM, "x.xlsx", data) for _ in range(3))
    )
    assert sum(isinstance(one, importing.Preview) for one in outcomes) == 1
    assert outcomes.count(Refused(FileRefusal.NOTHING)) == 2
    assert await count(site.platform, "hospitals") == 20


async def test_the_operators_command_tells_and_applies(site: Site) -> None:
    async def run(data: bytes, *, dry_run: bool = False) -> tuple[bool, str]:
        console = Console(file=io.StringIO(), record=True, width=200)
        sentences = Sentences(str, lambda fault: fault.word)
        right = await tool.run(site.platform, "x.xlsx", data, sentences, console, dry_run=dry_run)
        return right, console.export_text()

    right, said = await run(book({**NEW, "grade": "九级"}))
    assert not right
    assert "D2" in said
    right, said = await run(book(NEW), dry_run=True)
    assert right
    assert "1 new" in said
    assert await count(site.platform, "hospitals") == 0
    assert "Imported" in (await run(book(NEW)))[1]
    assert "Nothing changed" in (await run(book(NEW)))[1]
    async with site.platform.db.transaction() as tx:
        [record] = await store.every(tx)
    assert record.facts == HospitalFacts(
        "演示市康复医院", "", "二级甲等", "演示区", "", "", "", "第一行\n第二行", ""
    )
    assert HospitalRules().cancel_time == time(15)


def numbers_book(*, hidden: bool = False) -> bytes:
    """A new hospital whose telephone number Excel took for a number."""
    content = io.BytesIO()
    names = ["code", "name", "grade", "district", "phone"]
    titles = {heading.name: heading.titles[0] for heading in c.HEADINGS}
    with xlsxwriter.Workbook(content) as excel:
        sheet = excel.add_worksheet("医院")
        sheet.write_row(0, 0, [titles[name] for name in names])
        sheet.write_row(1, 0, ["AL1", "演示甲医院", "三级甲等", "演示区", "010-65550000"])
        sheet.write_row(2, 0, ["AL2", "演示乙医院", "三级甲等", "演示区", 1065551234])
        if hidden:
            sheet.set_row(2, options={"hidden": True})
    return content.getvalue()


async def test_a_telephone_number_without_its_zero_is_named(site: Site) -> None:
    reader = await administrator(site)
    said = await send(reader, numbers_book())
    assert "E3" in said
    assert "丢掉了前面的0（可能是“01065551234”）" in html.unescape(said)
    assert await count(site.platform, "hospitals") == 2


async def test_a_code_without_its_zeros_is_named(site: Site) -> None:
    reader = await administrator(site)
    await change(site.platform, "UPDATE hospitals SET code = '0012' WHERE id = 1")
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as excel:
        sheet = excel.add_worksheet("医院")
        sheet.write_row(0, 0, ["医院编码", "医院名称", "等级", "区"])
        sheet.write_row(1, 0, [12, "市第1医院", "三级甲等", "城东区"])
    said = html.unescape(await send(reader, content.getvalue()))
    assert "可能是“0012”" in said


async def test_hidden_hospitals_are_left_out_unless_asked(site: Site) -> None:
    reader = await administrator(site)
    said = html.unescape(await send(reader, numbers_book(hidden=True)))
    assert "工作表“医院”中隐藏或被筛选掉的1行：第3行" in said
    assert "没有问题" in said
    assert "可能是" in html.unescape(await send(reader, numbers_book(hidden=True), hidden="yes"))


async def test_of_old_excel_it_is_said_that_hidden_rows_are_not_recognised(site: Site) -> None:
    reader = await administrator(site)
    old_excel = (Path(__file__).parents[2] / "sheets" / "plan.xls").read_bytes()
    assert ".xls文件中隐藏或被筛选掉的行无法识别" in await send(reader, old_excel, "医院.xls")
    assert "无法识别" not in await send(reader, numbers_book(hidden=True))
