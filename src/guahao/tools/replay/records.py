"""Read a city's appointment records for a replay: a .csv, or a .zip with a .csv."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from guahao.rules.kernel.limits import CITY_TIME

COLUMNS = (
    "PatientId",
    "AppointmentID",
    "ScheduledDay",
    "AppointmentDay",
    "Neighbourhood",
    "No-show",
)
_FIRST_YEAR, _LAST_YEAR = 2000, 2199  # for which the platform keeps sessions
_NAME_CHARACTERS = 80  # of a hospital
_PERSON_CHARACTERS = 64
_NUMBER_DIGITS = 18
_SHOWN_CHARACTERS = 40


class RecordsError(Exception):
    """A file cannot be replayed; the message names the line and what is expected."""


class Record(NamedTuple):
    """An appointment of the records: who requested which hospital and date, and when.

    `person` is the text as written, so that two spellings of a number are two persons.
    `requested_at` is the time of the record, taken as the city's.
    """

    requested_at: datetime
    appointment_id: int
    person: str
    hospital: str
    visit_date: date
    no_show: bool


def read_records(path: Path) -> list[Record]:
    """Return the records of a file, ordered by request time and appointment id.

    Raises RecordsError for anything but such a file, complete and in UTF-8.
    """
    records = _parsed(_text(path))
    if not records:
        raise RecordsError("the file holds a header and no record")
    return sorted(records)  # ids differ, so that later fields are never compared


# The file ---------------------------------------------------------------------------------


def _text(path: Path) -> str:
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RecordsError(f"line {line}: not UTF-8 text; save the file as UTF-8") from None
    if not text.strip():
        raise RecordsError("the file is empty")
    return text


def _bytes(path: Path) -> bytes:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".zip"):
        raise RecordsError("expected a .csv file, or a .zip with one")
    try:
        return _unzipped(path) if suffix == ".zip" else path.read_bytes()
    except OSError as error:
        raise RecordsError(f"cannot be read: {error.strerror}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise RecordsError(f"not a .zip file that can be opened: {error}") from None


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = [
            name
            for name in archive.namelist()
            if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
        ]
        if len(names) != 1:
            raise RecordsError(f"expected one .csv in the .zip, found {len(names)}")
        return archive.read(names[0])


# Its lines --------------------------------------------------------------------------------


def _parsed(text: str) -> list[Record]:
    # strict: an unclosed quote is an error and not a field of half the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[Record] = []
    lines: dict[int, int] = {}  # the line of each appointment id
    try:
        header = next(reader)
        fields = _fields(header)
        for row in reader:
            if not row:
                continue
            line = reader.line_num
            if len(row) != len(header):
                raise RecordsError(f"line {line}: expected {len(header)} fields, found {len(row)}")
            record = _record(fields(row), line)
            first = lines.setdefault(record.appointment_id, line)
            if first != line:
                raise _expected(
                    line, "AppointmentID", f"an id of its own, not that of line {first}"
                )
            records.append(record)
    except csv.Error as error:
        raise RecordsError(f"line {reader.line_num}: not CSV: {error}") from None
    return records


def _fields(header: Sequence[str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what takes the fields of COLUMNS, in their order, from a row."""
    missing = [name for name in COLUMNS if header.count(name) == 0]
    if missing:
        raise RecordsError(
            f"line 1: missing columns: {', '.join(missing)};"
            f" expected a header with {', '.join(COLUMNS)}, separated by commas"
        )
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if twice:
        raise RecordsError(f"line 1: columns named twice: {', '.join(twice)}")
    return itemgetter(*map(header.index, COLUMNS))


def _record(fields: tuple[str, ...], line: int) -> Record:
    person, number, scheduled, visited, hospital, no_show = fields
    if not (number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS):
        raise _expected(line, "AppointmentID", f"a whole number of 1 to {_NUMBER_DIGITS} digits")
    if no_show not in ("Yes", "No"):
        raise _expected(line, "No-show", "Yes or No", no_show)
    if not _is_name(person, _PERSON_CHARACTERS):
        raise _expected(line, "PatientId", f"1 to {_PERSON_CHARACTERS} printable characters")
    if not _is_name(hospital, _NAME_CHARACTERS):
        raise _expected(line, "Neighbourhood", f"1 to {_NAME_CHARACTERS} printable characters")
    at = _moment(scheduled)
    if at is None or not ("T" in scheduled or " " in scheduled):
        raise _expected(line, "ScheduledDay", "a time such as 2016-04-29T18:38:08Z", scheduled)
    visit_date = _date(visited)
    if visit_date is None:
        raise _expected(line, "AppointmentDay", "a date such as 2016-04-29", visited)
    return Record(at, int(number), person, hospital, visit_date, no_show == "Yes")


def _is_name(text: str, characters: int) -> bool:
    return 1 <= len(text) <= characters and text.isprintable()


def _moment(text: str) -> datetime | None:
    """Return the local time of a record, ignoring its offset; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    in_time = _FIRST_YEAR <= moment.year <= _LAST_YEAR
    return moment.replace(tzinfo=CITY_TIME) if in_time else None


@lru_cache(4096)  # the same dates repeat
def _date(text: str) -> date | None:
    moment = _moment(text)
    return None if moment is None else moment.date()


def _expected(line: int, column: str, what: str, found: str | None = None) -> RecordsError:
    """Return an error that quotes only dates and answers, because it may be logged."""
    tail = "" if found is None else f", found {found[:_SHOWN_CHARACTERS]!r}"
    return RecordsError(f"line {line}: {column}: expected {what}{tail}")
