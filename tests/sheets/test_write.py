"""What we write is read again as it was, and never as a formula."""

import io
import zipfile
from datetime import UTC, date, datetime, time

import pytest

from guahao.sheets.book import Book
from guahao.sheets.read import read_book
from guahao.sheets.write import Column, Kind, Table, csv_file, workbook

COLUMNS = (
    Column("科室", width=20),
    Column("号数", Kind.NUMBER, choices=("1", "2")),
    Column("费用", Kind.MONEY),
    Column("日期", Kind.DATE),
    Column("开始", Kind.TIME),
    Column("时刻", Kind.MOMENT),
)
ROW = ("呼吸内科", 20, 8050, date(2026, 12, 1), time(8, 30), datetime(2026, 11, 1, 9, tzinfo=UTC))
DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")', "http://x", "{=1}"]


def _read(data: bytes, name: str) -> list[list[object]]:
    read = read_book(data, name)
    assert isinstance(read, Book)
    return [list(row) for row in read.sheets[0].values]


def test_a_workbook_is_read_as_it_was_written() -> None:
    data = workbook([Table("十二月", COLUMNS, [ROW, (None, 0, 0, None, None, None)])])
    assert _read(data, "x.xlsx") == [
        [column.heading for column in COLUMNS],
        ["呼吸内科", 20, 80.5, ROW[3], ROW[4], datetime(2026, 11, 1, 9)],  # noqa: DTZ001
        [None, 0, 0, None, None, None],
    ]


def test_csv_has_the_mark_of_its_encoding_and_money_in_yuan() -> None:
    data = csv_file(Table("x", COLUMNS, [ROW]))
    assert data.startswith(b"\xef\xbb\xbf")
    assert _read(data, "x.csv")[1] == [
        "呼吸内科", "20", "80.50", "2026-12-01", "08:30", "2026-11-01 09:00:00"
    ]  # fmt: skip


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_becomes_a_formula_or_a_link(text: str) -> None:
    table = Table("x", [Column("a", kind) for kind in Kind], [[text] * len(Kind)])
    with zipfile.ZipFile(io.BytesIO(workbook([table]))) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet.lower().replace("=hyperlink(", "")
    assert _read(workbook([table]), "x.xlsx")[1] == [text] * len(Kind)
    assert _read(csv_file(table), "x.csv")[1] == [text] * len(Kind)
    written = csv_file(table).decode("utf-8-sig").splitlines()[1].lstrip('"')
    assert not written.startswith(("=", "+", "-", "@", "\t"))


def test_headings_stand_frozen_with_a_filter_and_choices_are_offered() -> None:
    data = workbook([Table("x/y", COLUMNS, [ROW]), Table("z" * 40, COLUMNS, [])])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        names = archive.read("xl/workbook.xml").decode()
    assert '<autoFilter ref="A1:F2"/>' in sheet
    assert 'state="frozen"' in sheet
    assert '<dataValidation type="list"' in sheet
    assert 'name="x y"' in names
