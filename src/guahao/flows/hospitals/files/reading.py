"""A file's rows as hospitals, and what is wrong with its cells. Asks no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import assert_never

from guahao.flows.hospitals.files import columns as c
from guahao.rules.hospitals.hospital_rules import CANCEL_DAYS_MAX, CYCLE_DAYS_MAX
from guahao.rules.hospitals.hospitals import LENGTHS, code_fault, is_phone, lost_its_zero
from guahao.sheets import values
from guahao.sheets.book import Book, Row, Value, column_letter
from guahao.sheets.faults import Fault, shown
from guahao.sheets.headings import HeadedTable, find_table, table_faults
from guahao.sheets.hidden import LeftOut
from guahao.sheets.values import CellFault, Wrong

_CODE_MAX = 32
_WITH_LINES = ("notice", "notice_en")
_NEEDED = (c.CODE, "name", "grade", "district")


class HospitalFileFault(StrEnum):
    """What is wrong with a row of a file of hospitals, besides the faults of cells."""

    NO_TABLE = "hospital_no_table"
    NO_ROWS = "hospital_no_rows"
    CODE = "hospital_code"
    TWICE = "hospital_twice"
    NAME_TAKEN = "hospital_name_taken"
    PHONE = "hospital_phone"
    LEAST_ONE = "hospital_least_one"


@dataclass(frozen=True, slots=True)
class HospitalRow:
    """A hospital as a row tells it: the fields whose columns are there.

    Of the rules, a field that is left empty is missing: it stays as it is. An empty cycle is
    None, the platform's three months.
    """

    row: Row
    table: HeadedTable
    code: str
    facts: dict[str, str]
    rules: dict[str, int | time | None]

    def is_number(self, column: str) -> bool:
        """Return whether a cell holds a number rather than text."""
        index = self.table.columns.get(column)
        return index is not None and isinstance(self.row.cell(index).value, int)

    def fault(self, column: str, word: str, **detail: object) -> Fault:
        """Return a fault of one of its cells."""
        return fault_of(self.table, self.row, column, word, detail)


@dataclass(slots=True)
class HospitalRows:
    """Rows without a fault of their own, all rows with a code, faults; filled as it is read."""

    rows: list[HospitalRow] = field(default_factory=list)
    named: list[HospitalRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    may_hide_rows: bool = False


def fault_of(
    table: HeadedTable, row: Row, column: str, word: str, detail: dict[str, object]
) -> Fault:
    """Return a fault of a cell, named by its column."""
    index = table.columns.get(column)
    if index is None:
        return Fault(row.sheet, row.number, "", "", word, detail=detail)
    place = (row.sheet, row.number, column_letter(index), table.heading(index))
    return Fault(*place, word, shown(row.cell(index).value), detail)


def read(book: Book) -> HospitalRows:
    """Return all hospitals of a file, in its order, and every fault of its cells."""
    found = HospitalRows()
    tables = [one for one in (find_table(sheet, c.HEADINGS) for sheet in book.sheets) if one]
    if not tables:
        name = book.sheets[0].name if book.sheets else ""
        found.faults.append(Fault(name, 1, "", "", HospitalFileFault.NO_TABLE))
    for table in tables:
        found.faults += table_faults(table, c.HEADINGS)
        before = len(found.rows) + len(found.faults)
        for row in table.rows():
            _read_row(table, row, found)
        if len(found.rows) + len(found.faults) == before:
            place = (table.sheet.name, table.heading_row + 1, "", "")
            found.faults.append(Fault(*place, HospitalFileFault.NO_ROWS))
    found.faults += _twice(found.named)
    return found


def _twice(rows: Sequence[HospitalRow]) -> list[Fault]:
    first: dict[str, HospitalRow] = {}
    faults = []
    for row in rows:
        other = first.setdefault(row.code, row)
        if other is not row:
            faults.append(row.fault(c.CODE, HospitalFileFault.TWICE, other=other.row.number))
    return faults


def _read_row(table: HeadedTable, row: Row, found: HospitalRows) -> None:
    reader = _RowReader(table, row)
    read_row = HospitalRow(row, table, reader.code(), reader.facts(), reader.rules())
    if read_row.code:
        found.named.append(read_row)
    if reader.faults:
        found.faults += reader.faults
    else:
        found.rows.append(read_row)


class _RowReader:
    """One row; tells what is wrong with every cell of it, not only the first."""

    def __init__(self, table: HeadedTable, row: Row) -> None:
        self._table = table
        self._row = row
        self.faults: list[Fault] = []

    def _value(self, column: str) -> Value:
        index = self._table.columns.get(column)
        return None if index is None else self._row.cell(index).value

    def _fault(self, column: str, word: str, **detail: object) -> None:
        self.faults.append(fault_of(self._table, self._row, column, word, detail))

    def _text(self, column: str, most: int) -> str:
        value = self._value(column)
        has_lines = column in _WITH_LINES and isinstance(value, str)
        lines = str(value).split("\n") if has_lines else [value]
        read_lines = [values.text(line, most) for line in lines]
        wrong = next((one for one in read_lines if isinstance(one, Wrong)), None)
        if wrong is not None:
            self._fault(column, wrong.word, **wrong.detail)
            return ""
        text = "\n".join(str(one) for one in read_lines)
        if len(text) > most:
            self._fault(column, CellFault.TOO_LONG, most=most)
        if column in _NEEDED and not text and column in self._table.columns:
            self._fault(column, CellFault.BLANK)
        return text

    def code(self) -> str:
        code = self._text(c.CODE, _CODE_MAX)
        if code and code_fault(code):
            self._fault(c.CODE, HospitalFileFault.CODE)
        return code

    def facts(self) -> dict[str, str]:
        """Return every field but the rules, of the columns that are there."""
        facts = {
            name: self._text(name, most)
            for name, most in LENGTHS.items()
            if name in self._table.columns
        }
        phone = facts.get("phone", "")
        if not is_phone(phone):
            self._fault("phone", HospitalFileFault.PHONE)
        elif not isinstance(self._value("phone"), str) and lost_its_zero(phone):
            self._fault("phone", CellFault.ZEROS_LOST, meant=f"0{phone}")
        grade = values.choice(self._value("grade"), c.GRADE_CHOICES, c.GRADES_OFFERED)
        if isinstance(grade, Wrong):
            if "grade" in self._table.columns:
                self._fault("grade", grade.word, **grade.detail)
        else:
            facts["grade"] = grade
        return facts

    def rules(self) -> dict[str, int | time | None]:
        """Return the rules of columns that are there and not empty; an empty cycle is a rule."""
        rules: dict[str, int | time | None] = {}
        for name in c.TIMES:
            match values.clock(self._value(name)):
                case time() as clock:
                    rules[name] = clock
                case None:
                    pass
                case Wrong(word, detail):
                    self._fault(name, word, **detail)
                case never:
                    assert_never(never)
        for name, most in zip(c.NUMBERS, (CYCLE_DAYS_MAX, CANCEL_DAYS_MAX), strict=True):
            if name in self._table.columns:
                self._number(name, most, rules)
        return rules

    def _number(self, name: str, most: int, rules: dict[str, int | time | None]) -> None:
        if values.is_blank(self._value(name)):
            if name == "cycle_days":
                rules[name] = None
            return
        number = values.whole_number(self._value(name), most)
        if isinstance(number, Wrong):
            self._fault(name, number.word, **number.detail)
        elif number < 1:
            self._fault(name, HospitalFileFault.LEAST_ONE)
        else:
            rules[name] = number
