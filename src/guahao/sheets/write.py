"""Write tables into a workbook or CSV whose cells are never formulas.

Money is in 分 in the program and in yuan in the file. Blocks: call it in a thread.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from guahao.sheets.read import FORMULA_STARTS

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

CELL_CHARACTERS_MAX = 32_767
SHEET_NAME_MAX = 31
_NOT_IN_A_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")

Plain = str | int | float | Decimal | date | datetime | time | timedelta | None


class Kind(StrEnum):
    """The kind of a column's values, which determines their format."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # 分, an int
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"  # a datetime; shown without its zone
    SHARE = "share"  # 1 is 100 %
    DURATION = "duration"  # a timedelta


_FORMATS = {
    Kind.TEXT: "@",
    Kind.NUMBER: "General",
    Kind.MONEY: "0.00",
    Kind.DATE: "yyyy-mm-dd",
    Kind.TIME: "hh:mm",
    Kind.MOMENT: "yyyy-mm-dd hh:mm:ss",
    Kind.SHARE: "0.0%",
    Kind.DURATION: "[h]:mm:ss",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `width` in characters, and the choices of its cells, if they are fixed."""

    heading: str
    kind: Kind = Kind.TEXT
    width: float = 14
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet. A row has a value for each column; None is an empty cell. Rows are read once."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Plain]]


def workbook(tables: Sequence[Table]) -> bytes:
    """Return an .xlsx file: a sheet for each table, with frozen headings and filters."""
    content = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    import xlsxwriter  # noqa: PLC0415 - only where somebody exports a workbook

    with xlsxwriter.Workbook(content, options) as book:
        heading = book.add_format({"bold": True, "bg_color": "#E8F5EC", "bottom": 1})
        formats = {kind: book.add_format({"num_format": _FORMATS[kind]}) for kind in Kind}
        for table in tables:
            _write_sheet(book.add_worksheet(_sheet_name(table.name)), table, heading, formats)
    return content.getvalue()


def csv_file(table: Table) -> bytes:
    """Return a CSV file with commas, in UTF-8 with a byte order mark for Excel."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_csv_text(column.heading) for column in table.columns])
    kinds = [column.kind for column in table.columns]
    for row in table.rows:
        writer.writerow([_csv_cell(kind, value) for kind, value in zip(kinds, row, strict=True)])
    return text.getvalue().encode("utf-8-sig")


def _write_sheet(
    sheet: Worksheet, table: Table, heading: Format, formats: dict[Kind, Format]
) -> None:
    for index, column in enumerate(table.columns):
        sheet.set_column(index, index, column.width, formats[column.kind])
    sheet.freeze_panes(1, 0)
    for index, column in enumerate(table.columns):
        sheet.write_string(0, index, _cell_text(column.heading), heading)
    last = 0
    kinds = [column.kind for column in table.columns]
    for last, row in enumerate(table.rows, start=1):
        for index, (kind, value) in enumerate(zip(kinds, row, strict=True)):
            _write_cell(sheet, last, index, kind, value, formats[kind])
    sheet.autofilter(0, 0, last, len(table.columns) - 1)
    for index, column in enumerate(table.columns):
        if column.choices:
            choices = {"validate": "list", "source": list(column.choices), "error_type": "warning"}
            sheet.data_validation(1, index, max(last, 1000), index, choices)


def _write_cell(
    sheet: Worksheet, row: int, column: int, kind: Kind, value: Plain, form: Format
) -> None:
    """Write a cell by the type of its value, so that text is always text."""
    if value is None or value == "":
        return
    if isinstance(value, str):
        sheet.write_string(row, column, _cell_text(value), form)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), form)
    elif isinstance(value, date | time | timedelta):
        sheet.write_datetime(row, column, value, form)
    elif kind is Kind.MONEY:
        sheet.write_number(row, column, value / 100, form)
    else:
        sheet.write_number(row, column, value, form)


def _cell_text(text: str) -> str:
    return text[:CELL_CHARACTERS_MAX]


def _sheet_name(name: str) -> str:
    return _NOT_IN_A_SHEET_NAME.sub(" ", name)[:SHEET_NAME_MAX] or "1"


def _csv_cell(kind: Kind, value: Plain) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _csv_text(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if kind is Kind.MONEY and isinstance(value, int):
        return f"{Decimal(value) / 100:.2f}"
    return str(value)


def _csv_text(text: str) -> str:
    """Prefix text that spreadsheets would read as a formula with an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
