"""The tables of a file as read, with the place of each cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

# None is an empty cell; a date with a time is a datetime. Whole numbers are ints.
Value = str | int | float | bool | date | datetime | time | timedelta | None

# What Excel shows for a failed formula.
FORMULA_ERRORS = frozenset(
    {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"}
    | {"#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#UNKNOWN!"}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a file's content; generous for people, too small for zip bombs."""

    bytes: int = 20 * 1024 * 1024
    rows: int = 60_000
    columns: int = 100
    sheets: int = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. `row` counts from 1, as in Excel."""

    sheet: str
    row: int
    column: int
    value: Value

    @property
    def column_letter(self) -> str:
        """Return the column's letter: A for column 0."""
        return column_letter(self.column)


@dataclass(frozen=True, slots=True)
class Row:
    """A row; `number` counts from 1."""

    sheet: str
    number: int
    values: list[Value]

    @property
    def is_blank(self) -> bool:
        """Return whether the row is empty or only white space."""
        return all(
            value is None or (isinstance(value, str) and not value.strip()) for value in self.values
        )

    def cell(self, column: int) -> Cell:
        """Return the cell of a column, counted from 0; empty beyond the row's end."""
        value = self.values[column] if column < len(self.values) else None
        return Cell(self.sheet, self.number, column, value)


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged area; rows from 1, columns from 0, both ends included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, from row 1; `merged` is known only of .xlsx and .xls.

    `hidden_rows`, by hand or by a filter, are known of .xlsx and .ods.
    """

    name: str
    values: list[list[Value]]
    merged: tuple[Merged, ...] = ()
    is_hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.values)

    def rows(self) -> Iterator[Row]:
        """Yield all rows, including blank rows."""
        for index, values in enumerate(self.values):
            yield Row(self.name, index + 1, values)


@dataclass(frozen=True, slots=True)
class Book:
    """All sheets, in the file's order; a CSV file is a sheet named after the file.

    `may_hide_rows`: the format (.xls) does not let us recognise hidden rows.
    """

    sheets: list[Sheet]
    may_hide_rows: bool = False


def column_letter(column: int) -> str:
    """Return Excel's name of a column counted from 0: A … Z, AA …"""
    letters = ""
    left = column + 1
    while left:
        left, rest = divmod(left - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
