"""Rows and sheets that a person does not see are told from those that they see."""

import io
import zipfile

import pytest
import xlsxwriter

from guahao.sheets.book import Book, Sheet, Value
from guahao.sheets.hidden import LeftOut, without_hidden
from guahao.sheets.read import read_book


def workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet("门诊")
        for row in range(10):
            sheet.write_row(row, 0, [f"科室{row}", row])
        for row in (2, 3, 4, 7):
            sheet.set_row(row, options={"hidden": True})
        sheet.set_row(20, options={"hidden": True})  # nothing stands there
        sheet.autofilter(0, 0, 9, 1)
        book.add_worksheet("说明").write(0, 0, "请看")
        secret = book.add_worksheet("旧数据")
        secret.write_row(0, 0, ["科室", 1])
        secret.hide()
        very = book.add_worksheet("很旧")
        very.write_row(0, 0, ["科室", 1])
        very.very_hidden()
    return content.getvalue()


def open_document(sheet: str) -> bytes:
    """The smallest .ods with this sheet."""
    content = f"""<?xml version="1.0" encoding="UTF-8"?>
    <office:document-content office:version="1.2"
      xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
      xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
      xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0">
      <office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>
    </office:document-content>"""
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mimetype}"/>'
        "</manifest:manifest>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return packed.getvalue()


def read(data: bytes, name: str = "x.xlsx") -> Book:
    book = read_book(data, name)
    assert isinstance(book, Book), book
    return book


def test_hidden_rows_and_sheets_of_excel_are_known() -> None:
    sheets = {sheet.name: sheet for sheet in read(workbook()).sheets}
    assert {3, 4, 5, 8} <= sheets["门诊"].hidden_rows
    assert not sheets["门诊"].hidden_rows & {1, 2, 6, 7, 9, 10}
    assert {name for name, sheet in sheets.items() if sheet.is_hidden} == {"旧数据", "很旧"}


def test_what_is_hidden_is_left_out_and_named() -> None:
    book, left_out = without_hidden(read(workbook()))
    assert [sheet.name for sheet in book.sheets] == ["门诊", "说明"]
    filled = [row.number for row in book.sheets[0].rows() if not row.is_blank]
    assert filled == [1, 2, 6, 7, 9, 10]
    assert left_out == [LeftOut("门诊", 4, "3–5, 8"), LeftOut("旧数据", 1), LeftOut("很旧", 1)]


def test_filtered_and_hidden_rows_of_an_open_document_are_known() -> None:
    row = (
        '<table:table-row {}><table:table-cell office:value-type="string"><text:p>{}</text:p>'
        "</table:table-cell></table:table-row>"
    )
    rows = [
        row.format("", "一"),
        row.format('table:visibility="filter" table:number-rows-repeated="2"', "二"),
        row.format('table:visibility="collapse"', "三"),
        row.format("", "四"),
    ]
    sheet = f'<table:table table:name="门诊">{"".join(rows)}</table:table>'
    book = read(open_document(sheet), "x.ods")
    assert book.sheets[0].hidden_rows == {2, 3, 4}
    assert without_hidden(book)[1] == [LeftOut("门诊", 3, "2–4")]


def test_many_hidden_rows_are_named_shortly() -> None:
    values: list[list[Value]] = [["x"] for _ in range(400)]
    sheet = Sheet("s", values, hidden_rows=frozenset(range(2, 400, 2)))
    [left_out] = without_hidden(Book([sheet]))[1]
    assert left_out.count == 199
    assert left_out.rows.endswith("…")
    assert len(left_out.rows) < 70


@pytest.mark.parametrize(
    "harm",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet hidden="&b;"/>',
        b'<worksheet><row r="hidden" hidden="1"/></worksheet>',
        b'<worksheet><row hidden="1">',
    ],
)
def test_a_sheet_made_to_do_harm_is_a_broken_file(harm: bytes) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            new.writestr(name, harm if name.endswith("sheet1.xml") else old.read(name))
    assert not isinstance(read_book(content.getvalue(), "x.xlsx"), Book)
