"""Read untrusted bytes into sheets: .xlsx, .xls, .ods, and CSV as people save it.

The content determines the format, because a file's name can lie. Excel's files are opened in a
separate process with limited memory and time (`unpack`), so that a zip bomb or a fault of the
parser ends only that process. Blocks: call it in a thread.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import replace
from pathlib import PurePath

from guahao.sheets import unpack
from guahao.sheets.book import Book, Limits, Sheet, Value
from guahao.sheets.faults import FileFault, UnreadableFile

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UNPACK_SECONDS_MAX = 120
# Longer than any cell of Excel.
CSV_CELL_MAX = 40_000
SEPARATORS = (",", ";", "\t")
# CSV cells that begin so are formulas; `write.csv_file` prefixes them with an apostrophe.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_OTHER_FILES = (b"%PDF", b"<", b"{\\rtf", b"\x89PNG", b"\xff\xd8\xff", b"Rar!", b"7z\xbc\xaf")


def read_book(data: bytes, filename: str, limits: Limits | None = None) -> Book | UnreadableFile:
    """Return all sheets of a file, or why it is unreadable; `filename` names a CSV's sheet."""
    allowed = limits or Limits()
    if len(data) > allowed.bytes:
        return UnreadableFile(FileFault.TOO_BIG)
    if not data.strip(b"\x00 \t\r\n" + BOM_UTF8):
        return UnreadableFile(FileFault.EMPTY)
    if data.startswith((ZIP, OLE)):
        book = _unpacked(data, allowed)
        if isinstance(book, Book) and data.startswith(OLE):
            return replace(book, may_hide_rows=True)
        return book
    if data.lstrip(BOM_UTF8 + b" \t\r\n").startswith(_OTHER_FILES):
        return UnreadableFile(FileFault.WRONG_KIND)
    text = _decoded(data)
    return text if isinstance(text, UnreadableFile) else _csv(text, _csv_name(filename), allowed)


def _unpacked(data: bytes, limits: Limits) -> Book | UnreadableFile:
    command = [sys.executable, "-m", unpack.__name__, unpack.limits_argument(limits)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=data, capture_output=True, timeout=UNPACK_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return UnreadableFile(FileFault.TOO_BIG)
    if done.returncode != 0:
        # Out of memory, on which Rust aborts: the unpacked file is too large.
        return UnreadableFile(FileFault.TOO_BIG)
    return unpack.decode(done.stdout)


def _decoded(data: bytes) -> str | UnreadableFile:
    """Decode text by its byte order mark, as UTF-8, or as GB18030 (with GBK and GB2312)."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return UnreadableFile(FileFault.WRONG_KIND) if "\x00" in text else text
    return UnreadableFile(FileFault.WRONG_KIND if b"\x00" in data else FileFault.ENCODING)


def _csv(text: str, name: str, limits: Limits) -> Book | UnreadableFile:
    rows: list[list[Value]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    before = csv.field_size_limit(CSV_CELL_MAX)
    try:
        for row in reader:
            if len(rows) >= limits.rows:
                return UnreadableFile(FileFault.TOO_MANY_ROWS, name)
            if len(row) > limits.columns:
                return UnreadableFile(FileFault.TOO_MANY_COLUMNS, name)
            rows.append([_csv_cell(cell) for cell in row])
    except csv.Error:
        return UnreadableFile(FileFault.BROKEN, name)
    finally:
        csv.field_size_limit(before)
    return Book([Sheet(name, rows)])


def _csv_cell(text: str) -> str | None:
    if text.startswith("'") and text[1:].startswith(FORMULA_STARTS):
        return text[1:]
    return text or None


def _separator(text: str) -> str:
    """Return the most frequent separator, outside quotes, of the first line that has any."""
    first = text.lstrip().split("\n", maxsplit=1)[0]
    unquoted = "".join(first.split('"')[::2])
    return max(SEPARATORS, key=unquoted.count)


def _csv_name(filename: str) -> str:
    return PurePath(filename.replace("\\", "/")).stem[:31] or "CSV"
