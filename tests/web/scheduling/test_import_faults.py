"""One file with everything that can be wrong with its cells; each is named, nothing changes."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import xlsxwriter
from tests.city import ask, change
from tests.web.browsing import Reader
from tests.web.scheduling.test_import import send
from tests.web.scheduling.test_schedule import book_it, hospital_of, scheduler
from tests.web.site import Site, has_chinese

from guahao.flows.supply.imports import importing
from guahao.flows.supply.imports.reading import PlanFault
from guahao.sheets.book import Book
from guahao.sheets.faults import Fault, FileFault
from guahao.sheets.headings import TableFault
from guahao.sheets.read import read_book
from guahao.sheets.values import CellFault
from guahao.sheets.write import Column, Table, workbook
from guahao.web.words.sheet_words import CELLS, FILES, cell_text

DEPARTMENT = "心血管内科"
DAY = date(2026, 12, 4)

_DEPARTMENTS = """
    INSERT INTO departments (hospital_id, parent_id, code, name, on_platform)
    SELECT h.id, p.id, n.code, n.name, n.on_platform
    FROM hospitals h JOIN departments p ON p.hospital_id = h.id AND p.code = '03',
         (VALUES ('03.05', '神经内科', false), ('09.1', '综合门诊', true),
                 ('09.2', '综合门诊', true)) AS n (code, name, on_platform)
    WHERE h.id = %s
"""
_SESSIONS = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date, period,
                                 starts_at, ends_at, fee_fen, capacity, stopped_at)
    SELECT d.hospital_id, d.id, '主任医师', n.specialty, '2026-12-04', 'morning', n.starts_at,
           n.ends_at, 8000, 10, CASE WHEN n.stopped THEN now() END
    FROM departments d, (VALUES
        ('停诊的', time '08:00', time '09:00', true),
        ('两个的', NULL, NULL, false), ('两个的', NULL, NULL, false),
        ('有时间的', '08:00', '09:00', false)
    ) AS n (specialty, starts_at, ends_at, stopped)
    WHERE d.hospital_id = %s AND d.code = '03.04'
"""
_TIMETABLE = """
    INSERT INTO timetables (hospital_id, department_id, title, specialty, iso_weekday, period,
                            fee_fen, capacity, valid_from, valid_until)
    SELECT hospital_id, id, '普通门诊', n.specialty, 1, 'morning', 5000, 20, n.first, n.last
    FROM departments, (VALUES ('在用的', date '2026-01-01', date 'infinity'),
                              ('过去的', '2026-01-01', '2026-06-30')) AS n (specialty, first, last)
    WHERE hospital_id = %s AND code = '03.04'
"""


@dataclass(frozen=True)
class Bad:
    """What a row holds other than a good one, and in which column what is wrong."""

    given: dict[str, Any]
    column: str
    word: str


SESSION_COLUMNS = {
    "code": "科室编码",
    "department": "科室",
    "title": "职称",
    "specialty": "专业",
    "day": "就诊日期",
    "period": "时段",
    "start": "开始时间",
    "end": "结束时间",
    "fee": "医事服务费（元）",
    "places": "号源数",
    "hospital": "医院编码",
    "number": "门诊编号",
}
WEEKLY_COLUMNS = {
    "department": "科室",
    "title": "职称",
    "specialty": "专业",
    "weekday": "星期",
    "first": "开始日期",
    "last": "结束日期",
    "period": "时段",
    "fee": "费用",
    "places": "号源数",
}
GOOD = {
    "department": DEPARTMENT,
    "title": "主任医师",
    "period": "上午",
    "day": DAY,
    "fee": 80,
    "places": 10,
}
GOOD_WEEKLY = {
    "department": DEPARTMENT,
    "title": "普通门诊",
    "weekday": "周二",
    "first": date(2026, 12, 1),
    "period": "上午",
    "fee": 50,
    "places": 20,
}
HOURS = {"start": time(8), "end": time(9)}
# What two have booked, as `add_session` makes it.
BOOKED = {
    "day": date(2026, 12, 3),
    "specialty": "高血压",
    "start": time(8, 30),
    "end": time(9),
    "places": 20,
}
BAD_SESSIONS = [
    Bad({"department": "心血管科"}, "department", PlanFault.UNKNOWN_DEPARTMENT),
    Bad({"code": 3.04}, "code", CellFault.ZEROS_LOST),
    Bad({"code": 77.5}, "code", PlanFault.UNKNOWN_DEPARTMENT),
    Bad({"department": "综合门诊"}, "department", PlanFault.DEPARTMENT_AMBIGUOUS),
    Bad({"code": "09.1"}, "department", PlanFault.DEPARTMENT_MISMATCH),
    Bad({"department": "内科"}, "department", PlanFault.DEPARTMENT_IS_HEAD),
    Bad({"department": "神经内科"}, "department", PlanFault.DEPARTMENT_OFF_PLATFORM),
    Bad({"department": None}, "department", PlanFault.NO_DEPARTMENT),
    Bad({"hospital": "H1"}, "hospital", PlanFault.OTHER_HOSPITAL),
    Bad({"title": None}, "title", CellFault.BLANK),
    Bad({"title": "主" * 41}, "title", CellFault.TOO_LONG),
    Bad({"title": "主任\n医师"}, "title", CellFault.CONTROL),
    Bad({"title": date(2026, 1, 2)}, "title", CellFault.NOT_TEXT),
    Bad({"specialty": "=1/0"}, "specialty", CellFault.FORMULA_ERROR),
    Bad({"day": None}, "day", CellFault.BLANK),
    Bad({"day": "下周五"}, "day", CellFault.DATE_FORMAT),
    Bad({"day": "04/12/2026"}, "day", CellFault.DATE_FORMAT),
    Bad({"day": "2026-02-30"}, "day", CellFault.NO_SUCH_DAY),
    Bad({"day": 46360}, "day", CellFault.DATE_AS_NUMBER),
    Bad({"day": datetime(2026, 12, 4, 8, 30)}, "day", CellFault.DATE_WITH_TIME),  # noqa: DTZ001
    Bad({"day": "周五"}, "day", CellFault.DATE_AS_WEEKDAY),
    Bad({"day": date(2026, 11, 29)}, "day", PlanFault.DATE_PAST),
    Bad({"day": date(2026, 11, 30)}, "day", PlanFault.DATE_TODAY),
    Bad({"day": date(2027, 12, 2)}, "day", PlanFault.DATE_TOO_FAR),
    Bad({"day": date(2200, 1, 1)}, "day", PlanFault.BEYOND_CALENDAR),
    Bad({"period": "全天"}, "period", CellFault.UNKNOWN_CHOICE),
    Bad({"period": None}, "period", CellFault.BLANK),
    Bad({"end": time(9)}, "end", PlanFault.END_WITHOUT_START),
    Bad({"start": time(9), "end": time(8)}, "end", PlanFault.END_BEFORE_START),
    Bad({"start": time(14), "end": time(15)}, "start", PlanFault.OUTSIDE_PERIOD),
    Bad({"start": "08:00-08:30", "end": "08:30"}, "start", CellFault.TIME_AS_RANGE),
    Bad({"start": "八点", "end": "09:00"}, "start", CellFault.TIME_FORMAT),
    Bad({"start": "08:00", "end": "08:61"}, "end", CellFault.NO_SUCH_TIME),
    Bad({"fee": None}, "fee", CellFault.BLANK),
    Bad({"fee": "80元"}, "fee", CellFault.NOT_A_NUMBER),
    Bad({"fee": -1}, "fee", CellFault.NEGATIVE),
    Bad({"fee": 80.005}, "fee", CellFault.DECIMALS),
    Bad({"fee": 10000.01}, "fee", CellFault.TOO_LARGE),
    Bad({"places": None}, "places", CellFault.BLANK),
    Bad({"places": "二十"}, "places", CellFault.NOT_A_NUMBER),
    Bad({"places": -5}, "places", CellFault.NEGATIVE),
    Bad({"places": 2.5}, "places", CellFault.FRACTION),
    Bad({"places": 1001}, "places", CellFault.TOO_LARGE),
    Bad({"number": 999999}, "number", PlanFault.UNKNOWN_SESSION),
    Bad({"specialty": "停诊的", **HOURS, "places": 20}, "", PlanFault.SESSION_STOPPED),
    Bad({"specialty": "两个的", "places": 20}, "", PlanFault.AMBIGUOUS),
    Bad(
        {"specialty": "有时间的", "start": time(8, 30), "end": time(9, 30)},
        "start",
        PlanFault.OVERLAPS_PLAN,
    ),
    # Without an end it takes its start for certain.
    Bad({"specialty": "有时间的", "start": time(8, 15)}, "start", PlanFault.OVERLAPS_PLAN),
    Bad({**BOOKED, "places": 1}, "places", PlanFault.BELOW_BOOKED),
]
BAD_WEEKLY = [
    Bad({"weekday": "八"}, "weekday", CellFault.UNKNOWN_CHOICE),
    Bad({"last": date(2026, 11, 1)}, "last", PlanFault.UNTIL_BEFORE_FROM),
    Bad({"last": date(2026, 12, 1), "weekday": 3}, "weekday", PlanFault.NOT_IN_SPAN),
    Bad({"first": date(2026, 11, 30), "specialty": "早了"}, "first", PlanFault.DATE_TODAY),
    Bad({"last": date(2200, 1, 1)}, "last", PlanFault.BEYOND_CALENDAR),
    Bad({"weekday": 1, "specialty": "在用的"}, "first", PlanFault.OVERLAPS_TIMETABLE),
    Bad(
        {
            "weekday": "周一",
            "specialty": "过去的",
            "first": date(2026, 1, 1),
            "last": date(2026, 7, 31),
        },
        "last",
        PlanFault.ENDED,
    ),
]


FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm", time: "hh:mm"}


def letter(columns: dict[str, str], name: str) -> str:
    return "ABCDEFGHIJKLMNOP"[list(columns).index(name)] if name else ""


class File:
    """An Excel file, and where its faults are."""

    def __init__(self, path: str) -> None:
        self.book = xlsxwriter.Workbook(path)
        self.formats = {
            kind: self.book.add_format({"num_format": code})
            for kind, code in (
                (date, "yyyy-mm-dd"),
                (datetime, "yyyy-mm-dd hh:mm"),
                (time, "hh:mm"),
            )
        }
        self.expected: set[tuple[str, str, str]] = set()

    def sheet(self, name: str, columns: dict[str, str], rows: Sequence[dict[str, Any]]) -> Any:
        sheet = self.book.add_worksheet(name)
        sheet.write_row(0, 0, list(columns.values()))
        for number, row in enumerate(rows, start=1):
            for index, column in enumerate(columns):
                self.write(sheet, number, index, row.get(column))
        return sheet

    def write(self, sheet: Any, row: int, column: int, value: Any) -> None:
        if isinstance(value, str) and value.startswith("="):
            sheet.write_formula(row, column, value, None, "#DIV/0!")
        elif type(value) in self.formats:
            sheet.write_datetime(row, column, value, self.formats[type(value)])
        else:
            sheet.write(row, column, value)

    def expect(self, sheet: str, place: str, word: str) -> None:
        self.expected.add((sheet, place, str(word)))


def everything_wrong(path: str) -> File:
    """A file with every fault of cells, rows, tables and of the plan as it stands."""
    file = File(path)
    for name, columns, good, bad in (
        ("门诊", SESSION_COLUMNS, GOOD, BAD_SESSIONS),
        ("每周", WEEKLY_COLUMNS, GOOD_WEEKLY, BAD_WEEKLY),
    ):
        # Each row a clinic of its own, so that no row is the double of another.
        rows = [
            {"specialty": f"第{number}行", **good, **one.given}
            for number, one in enumerate(bad, start=2)
        ]
        for number, one in enumerate(bad, start=2):
            file.expect(name, f"{letter(columns, one.column)}{number}", one.word)
        file.sheet(name, columns, rows)
    _rows_against_rows(file)
    _tables(file)
    file.book.close()
    return file


def _rows_against_rows(file: File) -> None:
    weekly = {**GOOD_WEEKLY, "specialty": "长期"}
    file.sheet(
        "重复",
        SESSION_COLUMNS,
        [
            {**GOOD, "specialty": "重复"},
            {},  # a blank row is nobody's fault
            {**GOOD, "specialty": "重复", "places": 11},
            {**GOOD, "specialty": "重叠", **HOURS},
            {**GOOD, "specialty": "重叠", "start": time(8, 30), "end": time(9, 30)},
            # What was told stays.
            {**GOOD, **BOOKED, "fee": 90, "end": time(10)},
        ],
    )
    file.expect("重复", "E4", PlanFault.DUPLICATE)
    file.expect("重复", "G6", PlanFault.OVERLAP)
    file.expect("重复", "E7", PlanFault.DUPLICATE)  # of the one below what is booked
    file.expect("重复", "I7", PlanFault.FEE_IS_TOLD)
    file.expect("重复", "H7", PlanFault.HOURS_ARE_TOLD)
    file.sheet("重复周", WEEKLY_COLUMNS, [weekly, {**weekly, "first": date(2027, 1, 5)}])
    file.expect("重复周", "E3", PlanFault.OVERLAP)


def _tables(file: File) -> None:
    columns = {**SESSION_COLUMNS, "fee": "备注", "number": "号源数"}
    sheet = file.sheet("列名", columns, [GOOD])
    sheet.write(1, 14, "没有列名")
    sheet.merge_range(3, 0, 4, 1, "合并")
    for place, word in (
        ("1", TableFault.MISSING_COLUMN),
        ("I1", TableFault.UNKNOWN_COLUMN),
        ("L1", TableFault.DOUBLE_COLUMN),
        ("O2", TableFault.NO_HEADING),
        ("A4", TableFault.MERGED),
    ):
        file.expect("列名", place, word)
    # The merged row itself is no session either.
    for place in ("C4", "E4", "F4", "J4"):
        file.expect("列名", place, CellFault.BLANK)
    file.expect("列名", "A4", PlanFault.UNKNOWN_DEPARTMENT)
    file.sheet("空的", SESSION_COLUMNS, [])
    file.expect("空的", "2", PlanFault.NO_ROWS)
    file.book.add_worksheet("说明").write(0, 0, "这张表没有列名")


async def hospital(site: Site) -> Reader:
    """A scheduler whose hospital has a plan to collide with."""
    reader, session_id = await scheduler(site)
    id = await hospital_of(site, session_id)
    await change(site.platform, _DEPARTMENTS, id)
    await change(site.platform, _SESSIONS, id)
    await change(site.platform, _TIMETABLE, id)
    await book_it(site, session_id, 1)
    await book_it(site, session_id, 2)
    return reader


async def state(site: Site) -> list[tuple[object, ...]]:
    return [
        *await ask(site.platform, "SELECT to_jsonb(s) FROM clinic_sessions s ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(t) FROM timetables t ORDER BY id"),
    ]


async def test_every_bad_cell_is_named_and_nothing_changes(site: Site, tmp_path: Any) -> None:
    reader = await hospital(site)
    file = everything_wrong(str(tmp_path / "x.xlsx"))
    before = await state(site)
    await send(reader, (tmp_path / "x.xlsx").read_bytes())
    [[id]] = await ask(site.platform, "SELECT max(id) FROM supply_imports")
    report = await importing.report(site.platform, None, id)
    assert report is not None
    found = {(one.sheet, one.place, one.word) for one in report.faults}
    assert (sorted(file.expected - found), sorted(found - file.expected)) == ([], [])
    assert report.checked.faults_in_all == len(report.faults) == len(found)
    assert len({word for _, _, word in found}) >= 50
    assert await state(site) == before
    _is_told(reader, report.faults)
    assert "相近的有：心血管内科。" in reader.text
    assert "confirm" not in reader.text


def _is_told(reader: Reader, faults: Sequence[Fault]) -> None:
    """The page says each with its place and a sentence of its own."""
    page = html.unescape(reader.text)
    rows = [re.sub(r"<[^>]+>", "", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
    for fault in faults:
        place = fault.place if fault.column_letter else f"第{fault.row}行"
        said = cell_text(fault, "zh")
        assert any(fault.sheet in row and place in row and said in row for row in rows), fault


async def test_faults_can_be_downloaded_as_excel_in_the_readers_language(
    site: Site, tmp_path: Any
) -> None:
    reader = await hospital(site)
    file = everything_wrong(str(tmp_path / "x.xlsx"))
    await send(reader, (tmp_path / "x.xlsx").read_bytes())
    reader.client.headers["Accept-Language"] = "en"
    answer = await reader.client.get(f"{reader.path}/faults")
    read = read_book(answer.content, "x.xlsx")
    assert isinstance(read, Book)
    rows = read.sheets[0].values
    assert rows[0][:2] == ["Sheet", "Cell"]
    assert len(rows) == len(file.expected) + 1
    assert {(row[0], str(row[1])) for row in rows[1:]} == {(s, p) for s, p, _ in file.expected}


def test_every_fault_has_its_sentence_in_both_languages() -> None:
    words = {*CellFault, *TableFault, *PlanFault}
    assert words <= set(CELLS)
    assert set(FILES) == set(FileFault)
    for said in (*CELLS.values(), *FILES.values()):
        assert has_chinese(said.zh)
        assert not has_chinese(said.en)
        assert _places(said.en.replace("_en}", "}")) == _places(said.zh)


def _places(text: str) -> set[str]:
    return set(re.findall(r"{\w+}", text))


async def test_a_file_that_is_no_table_says_so(site: Site) -> None:
    files = {
        FileFault.EMPTY: b"",
        FileFault.TOO_MANY_ROWS: b"a\n" * 60_001,
        FileFault.TOO_MANY_COLUMNS: b"a," * 101,
        FileFault.TOO_MANY_SHEETS: _sheets(21),
        FileFault.ENCRYPTED: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + "EncryptedPackage".encode("utf-16-le"),
        FileFault.BROKEN: b"PK\x03\x04 nothing",
        FileFault.WRONG_KIND: b"<html><table>",
        FileFault.ENCODING: b"\xff,\x81",
    }
    reader, _ = await scheduler(site)
    for word, data in files.items():
        await send(reader, data)
        assert "文件无法读取，没有更改任何排班。" in reader.text
        assert html.escape(FILES[word].zh, quote=False) in reader.text
    assert {*files, FileFault.TOO_BIG} == {*FileFault}


def _sheets(number: int) -> bytes:
    return workbook([Table(f"s{n}", [Column("a")], []) for n in range(number)])
