"""Read a file of Excel in a separate process: bytes in, cells out.

`python -m guahao.sheets.unpack` reads the file from standard input. It limits its own memory and
time before it reads the first byte.
"""

from __future__ import annotations

import io
import re
import resource
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, replace
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import Any

import msgspec
import python_calamine
from msgspec.msgpack import Ext

from guahao.sheets.book import Book, Limits, Merged, Sheet, Value
from guahao.sheets.faults import FileFault, UnreadableFile
from guahao.sheets.hidden import hidden_rows

MEMORY_BYTES_MAX = 1536 * 1024 * 1024
SECONDS_MAX = 100
UNPACKED_BYTES_MAX = 200 * 1024 * 1024
_WHOLE_MAX = 2**53  # beyond it floats cannot represent every whole number
# Part of the name of an encrypted workbook's only stream.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# calamine returns an empty cell for a failed formula; as text the error can be named.
_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\b[^>]*?\bt=)(["'])e\2""")
_NEEDED = re.compile(r"(.*\.(xml|rels)|mimetype)$", re.IGNORECASE)
_DATE, _MOMENT, _TIME, _SPAN = range(1, 5)


def main() -> None:
    """Read a file from standard input and write its cells to standard output."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, SECONDS_MAX),
    ):
        with suppress(ValueError, OSError):  # macOS does not enforce limits of memory
            resource.setrlimit(limit, (most, most))
    limits = Limits(*map(int, sys.argv[1].split(",")))
    sys.stdout.buffer.write(_encode(unpack(sys.stdin.buffer.read(), limits)))


def unpack(data: bytes, limits: Limits) -> Book | UnreadableFile:
    """Return a workbook's sheets, or its fault."""
    if _ENCRYPTED in data:
        return UnreadableFile(FileFault.ENCRYPTED)
    files: dict[str, bytes] = {}
    if data.startswith(b"PK"):
        measured = _measured(data)
        if isinstance(measured, UnreadableFile):
            return measured
        files, data = measured, _repacked(measured)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        hidden = hidden_rows(files, limits.rows) if files else {}
        return _sheets(book, hidden, limits)
    except python_calamine.PasswordError:
        return UnreadableFile(FileFault.ENCRYPTED)
    except MemoryError:
        raise
    except BaseException:  # noqa: BLE001 - a panic of the parser is a BaseException
        return UnreadableFile(FileFault.BROKEN)


def _measured(data: bytes) -> dict[str, bytes] | UnreadableFile:
    """Return the needed files of an archive, if their total size is allowed.

    The sizes are measured, because an archive's own figures may be wrong.
    """
    left = UNPACKED_BYTES_MAX
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            names = old.namelist()
            if "xl/workbook.xml" not in names and "content.xml" not in names:
                return UnreadableFile(FileFault.WRONG_KIND)
            for item in old.infolist():
                if item.flag_bits & 1:
                    return UnreadableFile(FileFault.ENCRYPTED)
                if not _NEEDED.match(item.filename):
                    continue
                with old.open(item) as member:
                    content = member.read(left + 1)
                left -= len(content)
                if left < 0:
                    return UnreadableFile(FileFault.TOO_BIG)
                files[item.filename] = content
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        return UnreadableFile(FileFault.BROKEN)
    return files


def _repacked(files: dict[str, bytes]) -> bytes:
    """Return the archive uncompressed, with only the needed files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as new:
        for name, content in files.items():
            new.writestr(name, _with_errors_as_text(name, content))
    return packed.getvalue()


def _with_errors_as_text(name: str, content: bytes) -> bytes:
    is_sheet = name.startswith("xl/worksheets/")
    return _ERROR_CELL.sub(rb"\1\2str\2", content) if is_sheet else content


def _sheets(
    book: python_calamine.CalamineWorkbook, hidden: Mapping[str, frozenset[int]], limits: Limits
) -> Book | UnreadableFile:
    kinds = python_calamine.SheetTypeEnum
    shown = {
        one.name: one.visible == python_calamine.SheetVisibleEnum.Visible
        for one in book.sheets_metadata
        if one.typ == kinds.WorkSheet
    }
    if len(shown) > limits.sheets:
        return UnreadableFile(FileFault.TOO_MANY_SHEETS)
    sheets = []
    for name, is_shown in shown.items():
        sheet = book.get_sheet_by_name(name)
        last_row, last_column = sheet.end or (-1, -1)
        if last_row >= limits.rows:
            return UnreadableFile(FileFault.TOO_MANY_ROWS, name)
        if last_column >= limits.columns:
            return UnreadableFile(FileFault.TOO_MANY_COLUMNS, name)
        read = _sheet(sheet)
        read = replace(read, is_hidden=not is_shown, hidden_rows=hidden.get(name, frozenset()))
        sheets.append(read)
    if all(len(sheet) == 0 for sheet in sheets):
        return UnreadableFile(FileFault.EMPTY)
    return Book(sheets)


def _sheet(sheet: python_calamine.CalamineSheet) -> Sheet:
    values = sheet.to_python(skip_empty_area=False) if sheet.start is not None else []
    merged = [
        Merged(first[0] + 1, first[1], last[0] + 1, last[1])
        for first, last in sheet.merged_cell_ranges or []
    ]
    return Sheet(sheet.name, [[_value(cell) for cell in row] for row in values], tuple(merged))


def _value(cell: Any) -> Value:
    if isinstance(cell, float):
        if not isfinite(cell):
            return str(cell)
        return int(cell) if cell.is_integer() and abs(cell) < _WHOLE_MAX else cell
    return None if cell == "" else cell


# Between the two processes -------------------------------------------------------------------


def limits_argument(limits: Limits) -> str:
    """Return the only argument of `main`."""
    return ",".join(map(str, astuple(limits)))


def _encode(book: Book | UnreadableFile) -> bytes:
    if isinstance(book, UnreadableFile):
        return msgspec.msgpack.encode([book.fault, book.sheet])
    sheets = [
        [
            sheet.name,
            [
                [
                    _as_ext(value) if isinstance(value, date | time | timedelta) else value
                    for value in row
                ]
                for row in sheet.values
            ],
            [astuple(one) for one in sheet.merged],
            sheet.is_hidden,
            sorted(sheet.hidden_rows),
        ]
        for sheet in book.sheets
    ]
    return msgspec.msgpack.encode(sheets)


def decode(answer: bytes) -> Book | UnreadableFile:
    """Decode the output of `main`."""
    found = msgspec.msgpack.decode(answer, ext_hook=_from_ext)
    if isinstance(found[0], str):
        return UnreadableFile(FileFault(found[0]), found[1])
    return Book(
        [
            Sheet(name, values, tuple(Merged(*area) for area in merged), is_hidden, frozenset(rows))
            for name, values, merged, is_hidden, rows in found
        ]
    )


def _as_ext(value: date | time | timedelta) -> Ext:
    if isinstance(value, timedelta):
        return Ext(_SPAN, str(value.total_seconds()).encode())
    code = _MOMENT if isinstance(value, datetime) else _DATE if isinstance(value, date) else _TIME
    return Ext(code, value.isoformat().encode())


def _from_ext(code: int, data: memoryview) -> Value:
    text = bytes(data).decode()
    if code == _SPAN:
        return timedelta(seconds=float(text))
    if code == _MOMENT:
        return datetime.fromisoformat(text)
    return date.fromisoformat(text) if code == _DATE else time.fromisoformat(text)


if __name__ == "__main__":
    main()
