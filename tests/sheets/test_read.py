"""Files that people send, and files that were made to do harm."""

import io
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import pytest
import xlsxwriter

from guahao.sheets.book import Book, Limits, Merged, column_letter
from guahao.sheets.faults import FileFault, UnreadableFile
from guahao.sheets.read import OLE, read_book

HEADING_AND_ROW = [["科室", "号数"], ["呼吸内科", "20"]]


def _workbook(fill: object = None) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet("门诊")
        if callable(fill):
            fill(book, sheet)
    return content.getvalue()


def _values(read: Book | UnreadableFile) -> list[list[object]]:
    assert isinstance(read, Book)
    return [list(row) for row in read.sheets[0].values]


def test_an_excel_cell_knows_its_sheet_row_and_column_letter() -> None:
    def fill(_book: xlsxwriter.Workbook, sheet: xlsxwriter.workbook.Worksheet) -> None:
        sheet.write_string(3, 27, "here")

    book = read_book(_workbook(fill), "x.xlsx")
    assert isinstance(book, Book)
    [*_, row] = book.sheets[0].rows()
    cell = row.cell(27)
    assert (cell.sheet, cell.row, cell.column_letter, cell.value) == ("门诊", 4, "AB", "here")
    assert row.cell(99).value is None


def test_excel_cells_come_with_their_kinds() -> None:
    def fill(book: xlsxwriter.Workbook, sheet: xlsxwriter.workbook.Worksheet) -> None:
        for column, (value, number_format) in enumerate(
            [
                (date(2026, 12, 1), "yyyy-mm-dd"),
                (datetime(2026, 12, 1, 8, 30), "yyyy-mm-dd hh:mm"),  # noqa: DTZ001 - a cell's
                (time(8, 30), "hh:mm"),
            ]
        ):
            sheet.write_datetime(0, column, value, book.add_format({"num_format": number_format}))
        sheet.write_row(1, 0, [20, 80.5, True])
        sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
        sheet.merge_range(3, 0, 4, 1, "merged")

    book = read_book(_workbook(fill), "x.xlsx")
    assert _values(book) == [
        [date(2026, 12, 1), datetime(2026, 12, 1, 8, 30), time(8, 30)],  # noqa: DTZ001
        [20, 80.5, True],
        ["#DIV/0!", None, None],
        ["merged", None, None],
    ]
    assert isinstance(book, Book)
    assert book.sheets[0].merged == (Merged(4, 0, 5, 1),)


def test_a_workbook_of_old_excel_is_read_like_a_new_one() -> None:
    # What a failed formula was is not told of this kind: its cell is empty, as it is here in E3.
    book = read_book((Path(__file__).parent / "plan.xls").read_bytes(), "plan.xls")
    assert _values(book) == [
        ["科室", "职称", "就诊日期", "开始时间", "号源数", "备注"],
        ["心血管内科", "主任医师", date(2026, 12, 3), time(8, 30), 20, True],
        ["呼吸内科", "医师", date(2026, 12, 4), time(14, 0), None, None],
        ["骨科", None, None, None, 5, None],
    ]
    assert isinstance(book, Book)
    assert book.sheets[0].merged == (Merged(4, 0, 5, 0),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_is_read_as_people_save_it(encoding: str, separator: str) -> None:
    text = "".join(separator.join(row) + "\r\n" for row in HEADING_AND_ROW)
    read = read_book(text.encode(encoding), "C:\\a\\十二月.csv")
    assert _values(read) == HEADING_AND_ROW
    assert isinstance(read, Book)
    assert read.sheets[0].name == "十二月"


def test_csv_counts_rows_as_excel_does() -> None:
    read = read_book(b'a,b\n\n"two\nlines",""\n', "x.csv")
    assert _values(read) == [["a", "b"], [], ["two\nlines", None]]
    assert isinstance(read, Book)
    assert [row.is_blank for row in read.sheets[0].rows()] == [False, True, False]


def _zip(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "/").replace("0", "."), data)
    return content.getvalue()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", FileFault.EMPTY),
        (b"\xef\xbb\xbf\r\n", FileFault.EMPTY),
        (_workbook(), FileFault.EMPTY),
        (b"PK\x03\x04 and nothing", FileFault.BROKEN),
        (_workbook()[:900], FileFault.BROKEN),
        (OLE + bytes(2000), FileFault.BROKEN),
        (OLE + bytes(2000) + "EncryptedPackage".encode("utf-16-le"), FileFault.ENCRYPTED),
        (_zip(word_document0xml=b"<w/>"), FileFault.WRONG_KIND),
        (_zip(xl_workbook0xml=b"<not xml"), FileFault.BROKEN),
        (b"%PDF-1.7", FileFault.WRONG_KIND),
        (b"<html><table><tr><td>1</td></tr></table>", FileFault.WRONG_KIND),
        (b"a,b\x00,c", FileFault.WRONG_KIND),
        (b"\xff,\x81", FileFault.ENCODING),
        (b'a,b\n"never closed', FileFault.BROKEN),
        (b"a\n" * 11, FileFault.TOO_MANY_ROWS),
        (b"a" + b"," * 10, FileFault.TOO_MANY_COLUMNS),
        (b"a" * 200_001, FileFault.TOO_BIG),
    ],
)
def test_what_is_no_table_has_a_name(data: bytes, fault: FileFault) -> None:
    limits = Limits(bytes=200_000, rows=10, columns=10, sheets=2)
    read = read_book(data, "x.xlsx", limits)
    assert isinstance(read, UnreadableFile)
    assert read.fault == fault


MANIFEST = """<?xml version="1.0"?><manifest:manifest
 xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"""
ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="门诊"><table:table-row table:number-rows-repeated="{rows}">
<table:table-cell office:value-type="string" table:number-columns-repeated="{columns}">
<text:p>{text}</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="20"><text:p>20</text:p></table:table-cell>
<table:table-cell office:value-type="date" office:date-value="2026-12-01"><text:p>x</text:p>
</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>
</office:document-content>"""


def _ods(rows: int, columns: int, text: str = "科室") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr(
            "content.xml", ODS.replace("\n", "").format(rows=rows, columns=columns, text=text)
        )
    return content.getvalue()


def test_open_documents_are_read_too() -> None:
    assert _values(read_book(_ods(1, 1), "x.ods")) == [["科室", 20, date(2026, 12, 1)]]


@pytest.mark.parametrize(
    ("rows", "columns", "text", "fault"),
    [
        (1_048_576, 16_000, "科室", FileFault.BROKEN),  # the parser's own limit
        (50_000, 90, "科室" * 5000, FileFault.TOO_BIG),
    ],
)
def test_a_cell_that_repeats_itself_a_million_times_is_refused(
    rows: int, columns: int, text: str, fault: FileFault
) -> None:
    assert read_book(_ods(rows, columns, text), "x.ods") == UnreadableFile(fault)


def test_a_tiny_file_of_a_huge_sheet_ends_its_own_process_only() -> None:
    def fill(_book: xlsxwriter.Workbook, sheet: xlsxwriter.workbook.Worksheet) -> None:
        sheet.write(0, 0, 1)
        sheet.write(1_048_575, 16_383, 2)

    assert read_book(_workbook(fill), "x.xlsx") == UnreadableFile(FileFault.TOO_BIG)


def test_a_bomb_of_zeros_is_too_big() -> None:
    bomb = _zip(xl_workbook0xml=b"<x/>", xl_worksheets_sheet10xml=bytes(210 * 1024 * 1024))
    assert len(bomb) < 1_000_000
    assert read_book(bomb, "x.xlsx") == UnreadableFile(FileFault.TOO_BIG)


def test_more_rows_than_allowed_name_their_sheet() -> None:
    def fill(book: xlsxwriter.Workbook, _sheet: xlsxwriter.workbook.Worksheet) -> None:
        book.add_worksheet("长").write(10, 0, 1)

    limits = Limits(rows=10)
    assert read_book(_workbook(fill), "x.xlsx", limits) == UnreadableFile(
        FileFault.TOO_MANY_ROWS, "长"
    )


@pytest.mark.parametrize(("column", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (16_383, "XFD")])
def test_columns_are_named_as_excel_names_them(column: int, letter: str) -> None:
    assert column_letter(column) == letter
