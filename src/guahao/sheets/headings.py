"""Find a table in a sheet: the row of headings, and the column of each heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.kernel.text import typed
from guahao.sheets.book import Row, Sheet, column_letter
from guahao.sheets.faults import Fault, shown

SEARCHED_ROWS = 10  # a title or a note may precede the headings
HEADINGS_MIN = 2  # known headings in a row, for it to be the row of headings
_BRACKETED = re.compile(r"\([^()]*\)|[\s*:_\-]")


class TableFault(StrEnum):
    """The faults of a table as a whole."""

    MISSING_COLUMN = "missing_column"
    UNKNOWN_COLUMN = "unknown_column"
    DOUBLE_COLUMN = "double_column"
    NO_HEADING = "no_heading"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's name in the program and its possible headings: Chinese first, then English.

    Text in brackets, spaces and case are ignored.
    """

    name: str
    titles: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class HeadedTable:
    """A sheet with headings. `columns`: the index of each known column, from 0."""

    sheet: Sheet
    heading_row: int
    columns: Mapping[str, int]

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the headings, without blank rows."""
        for index in range(self.heading_row, len(self.sheet)):
            row = Row(self.sheet.name, index + 1, self.sheet.values[index])
            if not row.is_blank:
                yield row

    def heading(self, column: int) -> str:
        """Return a column's heading as written in the file."""
        return shown(Row("", 0, self.sheet.values[self.heading_row - 1]).cell(column).value)


def folded(text: object) -> str:
    """Fold a heading for comparison: half-width, without case, spaces and brackets."""
    plain = typed("" if text is None else str(text)).casefold()
    return _BRACKETED.sub("", plain)


def find_table(sheet: Sheet, headings: Sequence[Heading]) -> HeadedTable | None:
    """Return the table of a sheet; None if no row has at least HEADINGS_MIN known headings."""
    known = {folded(title): heading.name for heading in headings for title in heading.titles}
    best: HeadedTable | None = None
    for row in sheet.rows():
        if row.number > SEARCHED_ROWS:
            break
        columns: dict[str, int] = {}
        for index, value in enumerate(row.values):
            name = known.get(folded(value))
            if name is not None:
                columns.setdefault(name, index)
        if len(columns) >= HEADINGS_MIN and (best is None or len(columns) > len(best.columns)):
            best = HeadedTable(sheet, row.number, columns)
    return best


def table_faults(table: HeadedTable, headings: Sequence[Heading]) -> list[Fault]:
    """Return the faults: missing, unknown, doubled or unnamed columns, and merged cells."""
    return [
        *_missing(table, headings),
        *_strange(table, headings),
        *_without_heading(table),
        *_merged(table),
    ]


def _missing(table: HeadedTable, headings: Sequence[Heading]) -> list[Fault]:
    return [
        Fault(
            table.sheet.name,
            table.heading_row,
            "",
            heading.titles[0],
            TableFault.MISSING_COLUMN,
            detail={"title": heading.titles[0], "title_en": heading.titles[1]},
        )
        for heading in headings
        if heading.required and heading.name not in table.columns
    ]


def _strange(table: HeadedTable, headings: Sequence[Heading]) -> list[Fault]:
    known = {folded(title): heading.name for heading in headings for title in heading.titles}
    faults = []
    for index, value in enumerate(table.sheet.values[table.heading_row - 1]):
        name = known.get(folded(value))
        if value is None or not str(value).strip() or table.columns.get(name or "") == index:
            continue
        word, detail = TableFault.UNKNOWN_COLUMN, {}
        if name is not None:
            word, detail = TableFault.DOUBLE_COLUMN, {"other": column_letter(table.columns[name])}
        faults.append(_at(table, table.heading_row, index, word, value, detail))
    return faults


def _without_heading(table: HeadedTable) -> list[Fault]:
    headed = table.sheet.values[table.heading_row - 1]
    named = {i for i, value in enumerate(headed) if value is not None and str(value).strip()}
    faults = []
    for row in table.rows():
        for index, value in enumerate(row.values):
            if index in named or value is None or not str(value).strip():
                continue
            named.add(index)  # once for each column
            faults.append(_at(table, row.number, index, TableFault.NO_HEADING, value, {}))
    return faults


def _merged(table: HeadedTable) -> list[Fault]:
    return [
        _at(
            table,
            area.first_row,
            area.first_column,
            TableFault.MERGED,
            None,
            {"until": f"{column_letter(area.last_column)}{area.last_row}"},
        )
        for area in table.sheet.merged
        if area.last_row >= table.heading_row
    ]


def _at(
    table: HeadedTable,
    row: int,
    column: int,
    word: str,
    value: object,
    detail: Mapping[str, object],
) -> Fault:
    return Fault(
        table.sheet.name,
        row,
        column_letter(column),
        table.heading(column),
        word,
        shown(value),
        detail,
    )
