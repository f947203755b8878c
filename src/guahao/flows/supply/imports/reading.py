"""Read a file's rows as sessions and timetables, and find what is wrong with its cells.

Nothing here asks the database: the hospital's departments are given. Every fault of a row is
reported, not only its first, so that a file can be corrected at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple, TypeVar

from guahao.flows.supply.imports import columns as c
from guahao.rules.kernel.text import compact
from guahao.rules.supply.changes import PLANNED_DAYS, Clinic
from guahao.rules.supply.planning import (
    CAPACITY_MAX,
    FEE_MAX_FEN,
    FOR_EVER,
    WORDS_MAX,
    overlapping,
)
from guahao.sheets import values
from guahao.sheets.book import Book, Row, Value, column_letter
from guahao.sheets.faults import Fault, shown
from guahao.sheets.headings import HeadedTable, Heading, find_table, table_faults
from guahao.sheets.values import CellFault, Wrong
from guahao.store.supply.import_rows import ImportRow
from guahao.store.supply.supply_imports import ImportDepartment

_IS_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
LAST_DAY = date(2199, 12, 31)  # of the calendar that the schema asserts
_NAME_MAX = 80
_CODE_MAX = 40
_ID_MAX = 2**63 - 1

T = TypeVar("T")


class PlanFault(StrEnum):
    """What is wrong with a row of a plan, besides the faults of cells and tables."""

    NO_TABLE = "no_table"
    NO_ROWS = "no_rows"
    NO_HOSPITAL = "no_hospital"
    UNKNOWN_HOSPITAL = "unknown_hospital"
    OTHER_HOSPITAL = "other_hospital"
    NO_DEPARTMENT = "no_department"
    UNKNOWN_DEPARTMENT = "unknown_department"
    DEPARTMENT_AMBIGUOUS = "department_ambiguous"
    DEPARTMENT_MISMATCH = "department_mismatch"
    DEPARTMENT_IS_HEAD = "department_is_head"
    DEPARTMENT_OFF_PLATFORM = "department_off_platform"
    DATE_PAST = "date_past"
    DATE_TODAY = "date_today"
    DATE_TOO_FAR = "date_too_far"
    BEYOND_CALENDAR = "beyond_calendar"
    UNTIL_BEFORE_FROM = "until_before_from"
    NOT_IN_SPAN = "not_in_span"
    DUPLICATE = "duplicate"
    OVERLAP = "overlap"
    # As the plan stands: what is there already keeps its title and its hours.
    END_WITHOUT_START = "end_without_start"
    END_BEFORE_START = "end_before_start"
    OUTSIDE_PERIOD = "outside_period"
    TITLE_NOT_OFFERED = "title_not_offered"
    UNKNOWN_SESSION = "unknown_session"
    AMBIGUOUS = "ambiguous"
    ENDED = "ended"
    SESSION_STOPPED = "session_stopped"
    BELOW_BOOKED = "below_booked"
    FEE_IS_TOLD = "fee_is_told"
    HOURS_ARE_TOLD = "hours_are_told"
    OVERLAPS_PLAN = "overlaps_plan"
    OVERLAPS_TIMETABLE = "overlaps_timetable"


# The column in which a fault of the existing plan is shown.
COLUMN_OF = {
    PlanFault.END_WITHOUT_START: c.ENDS_AT,
    PlanFault.END_BEFORE_START: c.ENDS_AT,
    PlanFault.OUTSIDE_PERIOD: c.STARTS_AT,
    PlanFault.UNKNOWN_DEPARTMENT: c.DEPARTMENT,
    PlanFault.TITLE_NOT_OFFERED: c.TITLE,
    PlanFault.UNKNOWN_SESSION: c.SESSION_ID,
    PlanFault.DATE_PAST: c.VISIT_DATE,
    PlanFault.DATE_TODAY: c.VISIT_DATE,
    PlanFault.ENDED: c.VALID_UNTIL,
    PlanFault.BELOW_BOOKED: c.CAPACITY,
    PlanFault.FEE_IS_TOLD: c.FEE,
    PlanFault.HOURS_ARE_TOLD: c.ENDS_AT,
    PlanFault.OVERLAPS_PLAN: c.STARTS_AT,
    PlanFault.OVERLAPS_TIMETABLE: c.VALID_FROM,
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a file, the faults of their headings, and the sheets without a table."""

    tables: list[HeadedTable]
    faults: list[Fault]
    skipped: list[str]

    def fault(self, sheet: str, row: int, column: str, word: str, **detail: object) -> Fault:
        """Return a fault of a cell, named by its column."""
        table = next(table for table in self.tables if table.sheet.name == sheet)
        index = table.columns.get(column)
        if index is None:
            return Fault(sheet, row, "", "", word, detail=detail)
        value = Row(sheet, row, table.sheet.values[row - 1]).cell(index).value
        place = (column_letter(index), table.heading(index))
        return Fault(sheet, row, *place, word, shown(value), detail)


@dataclass(frozen=True, slots=True)
class Directory:
    """What the names and codes of a file mean. `own_id`: the hospital whose file it is."""

    own_id: int | None
    hospital_ids: Mapping[str, int]
    by_code: Mapping[tuple[int, str], ImportDepartment]
    by_name: Mapping[tuple[int, str], list[ImportDepartment]]
    _similar: dict[tuple[int, str], str] = field(default_factory=dict)

    def similar(self, hospital_id: int, name: str) -> str:
        """Return names of departments that may have been meant; looked up once a name."""
        key = (hospital_id, _key(name))
        if key not in self._similar:
            names = {
                key[1]: found[0].name
                for key, found in self.by_name.items()
                if key[0] == hospital_id and not all(department.is_head for department in found)
            }
            close = get_close_matches(key[1], names, n=3)
            self._similar[key] = "、".join(names[name] for name in close)
        return self._similar[key]


@dataclass(slots=True)
class Found:
    """Rows that can be compared with the plan, and faults; filled as the file is read."""

    rows: list[ImportRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def directory(
    own_id: int | None, hospital_ids: Mapping[str, int], all_of: Sequence[ImportDepartment]
) -> Directory:
    """Return the directory of a hospital, or of all."""
    by_name = defaultdict(list)
    for department in all_of:
        by_name[department.hospital_id, _key(department.name)].append(department)
    by_code = {(department.hospital_id, _key(department.code)): department for department in all_of}
    return Directory(own_id, {_key(k): v for k, v in hospital_ids.items()}, by_code, by_name)


def _key(text: str) -> str:
    """Return a name or code for comparing: half-width, without case and spaces."""
    return compact(text).casefold()


# The sheets -------------------------------------------------------------------------------------


def is_weekly(table: HeadedTable) -> bool:
    """Return whether a table holds timetables rather than sessions."""
    return c.WEEKDAY in table.columns


def find_tables(book: Book) -> Tables:
    """Return the sheets that hold sessions or timetables; a sheet of notes is left out."""
    tables: list[HeadedTable] = []
    faults: list[Fault] = []
    skipped: list[str] = []
    for sheet in book.sheets:
        weekly = find_table(sheet, WEEKLY)
        table = weekly if weekly and is_weekly(weekly) else find_table(sheet, SESSIONS)
        if table is None:
            if len(sheet):
                skipped.append(sheet.name)
            continue
        tables.append(table)
        faults += table_faults(table, WEEKLY if is_weekly(table) else SESSIONS)
        if not {c.DEPARTMENT, c.DEPARTMENT_CODE} & table.columns.keys():
            detail = {"title": "科室", "title_en": "Department"}
            faults.append(
                Fault(sheet.name, table.heading_row, "", "科室", "missing_column", detail=detail)
            )
        if next(table.rows(), None) is None:
            faults.append(Fault(sheet.name, table.heading_row + 1, "", "", PlanFault.NO_ROWS))
    if not tables:
        name = book.sheets[0].name if book.sheets else ""
        faults.append(Fault(name, 1, "", "", PlanFault.NO_TABLE))
    return Tables(tables, faults, skipped)


SESSIONS: Sequence[Heading] = c.SESSION_HEADINGS
WEEKLY: Sequence[Heading] = c.WEEKLY_HEADINGS


# The rows ---------------------------------------------------------------------------------------


def read_row(table: HeadedTable, row: Row, known: Directory, today: date, found: Found) -> None:
    """Read a row into `found`: as its contents, or as every fault it has."""
    reader = _RowReader(table, row, found.faults)
    before = len(found.faults)
    hospital_id = reader.hospital(known)
    department = None if hospital_id is None else reader.department(known, hospital_id)
    clinic = reader.clinic()
    dates = reader.weekly(today) if is_weekly(table) else reader.session(today)
    if len(found.faults) == before and department and clinic and dates:
        place = (row.sheet, row.number, department.hospital_id, department.id)
        span = (dates.valid_from, dates.valid_until)
        found.rows.append(
            ImportRow(*place, clinic, dates.visit_date, dates.iso_weekday, *span, dates.named_id)
        )


class _Dates(NamedTuple):
    """When a clinic is held: the last fields of an ImportRow."""

    visit_date: date | None = None
    iso_weekday: int | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    named_id: int | None = None


class _RowReader:
    """A row; each method reads some of its cells and reports what is wrong with them."""

    def __init__(self, table: HeadedTable, row: Row, faults: list[Fault]) -> None:
        self._table = table
        self._row = row
        self._faults = faults

    def _value(self, column: str) -> Value:
        index = self._table.columns.get(column)
        return None if index is None else self._row.cell(index).value

    def fault(self, column: str, word: str, **detail: object) -> None:
        index = self._table.columns.get(column)
        letter = "" if index is None else column_letter(index)
        heading = "" if index is None else self._table.heading(index)
        place = (self._row.sheet, self._row.number, letter, heading)
        self._faults.append(Fault(*place, word, shown(self._value(column)), detail))

    def _right(self, column: str, value: T | Wrong) -> T | None:
        """Return the value, or None with its fault reported; the table reports missing columns."""
        if not isinstance(value, Wrong):
            return value
        if column in self._table.columns:
            self.fault(column, value.word, **value.detail)
        return None

    def _text(self, column: str, most: int) -> str | None:
        return self._right(column, values.text(self._value(column), most))

    def hospital(self, known: Directory) -> int | None:
        code = self._text(c.HOSPITAL, _CODE_MAX)
        if code is None:
            return None
        if not code:
            if known.own_id is None:
                self.fault(c.HOSPITAL, PlanFault.NO_HOSPITAL)
            return known.own_id
        found = known.hospital_ids.get(_key(code))
        if found is None:
            meant = self._with_zeros(c.HOSPITAL, known.hospital_ids)
            if meant is not None:
                self.fault(c.HOSPITAL, CellFault.ZEROS_LOST, meant=meant)
                return None
            other = PlanFault.UNKNOWN_HOSPITAL if known.own_id is None else PlanFault.OTHER_HOSPITAL
            self.fault(c.HOSPITAL, other)
        return found

    def _with_zeros(self, column: str, codes: Iterable[str]) -> str | None:
        """Return the code of which a cell holds the number, its zeros lost: 3.1 of 03.10."""
        value = self._value(column)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        numbers = (code for code in codes if _IS_NUMBER.fullmatch(code))
        return next((code for code in numbers if float(code) == value), None)

    def department(self, known: Directory, hospital_id: int) -> ImportDepartment | None:
        code = self._text(c.DEPARTMENT_CODE, _CODE_MAX)
        name = self._text(c.DEPARTMENT, _NAME_MAX)
        if code is None or name is None:
            return None
        if not code and not name:
            self.fault(
                c.DEPARTMENT if c.DEPARTMENT in self._table.columns else c.DEPARTMENT_CODE,
                PlanFault.NO_DEPARTMENT,
            )
            return None
        column = c.DEPARTMENT_CODE if code else c.DEPARTMENT
        if code:
            by_code = known.by_code.get((hospital_id, _key(code)))
            candidates = [by_code] if by_code else []
            codes = (own for of, own in known.by_code if of == hospital_id)
            meant = None if by_code else self._with_zeros(c.DEPARTMENT_CODE, codes)
            if meant is not None:
                self.fault(c.DEPARTMENT_CODE, CellFault.ZEROS_LOST, meant=meant)
                return None
        else:
            named = known.by_name.get((hospital_id, _key(name)), [])
            # A first-level department may have the name of a department below it.
            candidates = [department for department in named if not department.is_head] or named
        similar = known.similar(hospital_id, name) if not candidates else ""
        return self._bookable(column, candidates, name, similar)

    def _bookable(
        self, column: str, candidates: Sequence[ImportDepartment], name: str, similar: str
    ) -> ImportDepartment | None:
        if not candidates:
            self.fault(column, PlanFault.UNKNOWN_DEPARTMENT, similar=similar)
            return None
        if len(candidates) > 1:
            codes = ", ".join(sorted(department.code for department in candidates))
            self.fault(column, PlanFault.DEPARTMENT_AMBIGUOUS, codes=codes)
            return None
        [department] = candidates
        if name and _key(name) != _key(department.name):
            self.fault(
                c.DEPARTMENT,
                PlanFault.DEPARTMENT_MISMATCH,
                name=department.name,
                code=department.code,
            )
        elif department.is_head:
            self.fault(column, PlanFault.DEPARTMENT_IS_HEAD)
        elif not department.on_platform:
            self.fault(column, PlanFault.DEPARTMENT_OFF_PLATFORM)
        else:
            return department
        return None

    def clinic(self) -> Clinic | None:
        title = self._text(c.TITLE, WORDS_MAX)
        if title == "" and c.TITLE in self._table.columns:
            self.fault(c.TITLE, CellFault.BLANK)
        specialty = self._text(c.SPECIALTY, WORDS_MAX)
        period = self._right(
            c.PERIOD, values.choice(self._value(c.PERIOD), c.PERIOD_CHOICES, c.PERIODS_OFFERED)
        )
        starts_at = self._right(c.STARTS_AT, values.clock(self._value(c.STARTS_AT)))
        ends_at = self._right(c.ENDS_AT, values.clock(self._value(c.ENDS_AT)))
        fee = self._right(c.FEE, values.money_fen(self._value(c.FEE), FEE_MAX_FEN))
        places = self._right(c.CAPACITY, values.whole_number(self._value(c.CAPACITY), CAPACITY_MAX))
        if not title or specialty is None or period is None or fee is None or places is None:
            return None
        return Clinic(title, specialty, period, starts_at, ends_at, fee, places)

    def session(self, today: date) -> _Dates | None:
        """Return the day; a past day is accepted as long as the row changes nothing."""
        visit_date = self._day(c.VISIT_DATE, today)
        session_id = self._value(c.SESSION_ID)
        named = None
        if not values.is_blank(session_id):
            named = self._right(c.SESSION_ID, values.whole_number(session_id, _ID_MAX))
        return None if visit_date is None else _Dates(visit_date, named_id=named)

    def _day(self, column: str, today: date) -> date | None:
        found = self._right(column, values.day(self._value(column)))
        if found is None:
            return None
        if found > LAST_DAY:
            self.fault(column, PlanFault.BEYOND_CALENDAR)
        elif found > today + timedelta(days=PLANNED_DAYS):
            self.fault(column, PlanFault.DATE_TOO_FAR, until=today + timedelta(days=PLANNED_DAYS))
        else:
            return found
        return None

    def weekly(self, today: date) -> _Dates | None:
        weekday = self._right(
            c.WEEKDAY, values.choice(self._value(c.WEEKDAY), c.WEEKDAY_CHOICES, c.WEEKDAYS_OFFERED)
        )
        first = self._day(c.VALID_FROM, today)
        last = self._until()
        if weekday is None or first is None or last is None:
            return None
        if last < first:
            self.fault(c.VALID_UNTIL, PlanFault.UNTIL_BEFORE_FROM)
        elif (int(weekday) - first.isoweekday()) % 7 > (last - first).days:
            self.fault(c.WEEKDAY, PlanFault.NOT_IN_SPAN)
        return _Dates(None, int(weekday), first, last)

    def _until(self) -> date | None:
        value = self._value(c.VALID_UNTIL)
        if values.is_blank(value):
            return FOR_EVER
        found = self._right(c.VALID_UNTIL, values.day(value))
        if found is not None and found > LAST_DAY:
            self.fault(c.VALID_UNTIL, PlanFault.BEYOND_CALENDAR)
        return found


# Rows against rows --------------------------------------------------------------------------------


def rows_against_rows(tables: Tables, rows: Sequence[ImportRow]) -> list[Fault]:
    """Return faults of rows that hold the same clinic twice, and of rows that overlap."""
    return [*_duplicates(tables, rows), *_overlaps(tables, rows)]


def _same_clinic(row: ImportRow) -> tuple[object, ...]:
    clinic = row.clinic
    return (
        *(row.department_id, clinic.title, clinic.specialty, clinic.period),
        *(row.visit_date, row.iso_weekday),
    )


def _duplicates(tables: Tables, rows: Sequence[ImportRow]) -> Iterator[Fault]:
    seen: dict[tuple[object, ...], ImportRow] = {}
    for row in rows:
        # A row that names its session means that session, regardless of its other cells.
        key = (*_same_clinic(row), row.clinic.starts_at, row.named_id, row.valid_from)
        first = seen.setdefault(key, row)
        if first is not row:
            column = c.WEEKDAY if row.visit_date is None else c.VISIT_DATE
            yield tables.fault(
                *(row.sheet, row.row, column, PlanFault.DUPLICATE),
                other=first.row,
                other_sheet=first.sheet,
            )


def _overlaps(tables: Tables, rows: Sequence[ImportRow]) -> Iterator[Fault]:
    groups: dict[tuple[object, ...], list[ImportRow]] = defaultdict(list)
    for row in rows:
        if row.visit_date is None:
            groups[(*_same_clinic(row), row.clinic.starts_at)].append(row)
        elif row.clinic.starts_at is not None:
            groups[_same_clinic(row)].append(row)
    for group in groups.values():
        for later, earlier in overlapping(_spans(group)):
            row, other = group[later], group[earlier]
            column = c.VALID_FROM if row.visit_date is None else c.STARTS_AT
            if not _is_told_already(row, other):
                yield tables.fault(
                    *(row.sheet, row.row, column, PlanFault.OVERLAP),
                    other=other.row,
                    other_sheet=other.sheet,
                )


def _spans(group: Sequence[ImportRow]) -> list[tuple[int, int, int]]:
    """Return beginning and end of each row, in days or minutes, with its index."""
    return [
        (row.valid_from.toordinal(), row.valid_until.toordinal() + 1, index)
        if row.valid_from is not None and row.valid_until is not None
        else (*_minutes(row.clinic), index)
        for index, row in enumerate(group)
    ]


def _minutes(clinic: Clinic) -> tuple[int, int]:
    """Return the minutes of the day that a clinic with a start takes for certain.

    Without an end that is its first: a file is refused for what overlaps, not for what may.
    """
    assert clinic.starts_at is not None
    starts = clinic.starts_at.hour * 60 + clinic.starts_at.minute
    if clinic.ends_at is None:
        return starts, starts + 1
    return starts, clinic.ends_at.hour * 60 + clinic.ends_at.minute


def _is_told_already(row: ImportRow, other: ImportRow) -> bool:
    """Return whether a pair is reported as a duplicate, or names two existing sessions."""
    if row.visit_date is None:
        return row.valid_from == other.valid_from
    both_named = row.named_id is not None and other.named_id is not None
    return both_named or row.clinic.starts_at == other.clinic.starts_at
