"""Find the hidden rows of .xlsx and .ods, which calamine does not report.

It works only on measured, unpacked files (`unpack`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from xml.parsers import expat

from defusedxml import ElementTree

from guahao.sheets.book import Book

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_RELATION_IDS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
_NAMED_MAX = 60  # characters of a list of rows


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hidden sheet (`rows` empty), or hidden rows of a sheet, with content."""

    sheet: str
    count: int
    rows: str = ""  # 5–9, 12


def without_hidden(book: Book) -> tuple[Book, list[LeftOut]]:
    """Return a book without its hidden sheets and rows, and what was left out.

    Hidden rows become empty, so that rows keep their numbers.
    """
    sheets, left_out = [], []
    for sheet in book.sheets:
        filled = [row.number for row in sheet.rows() if not row.is_blank]
        if sheet.is_hidden:
            if filled:
                left_out.append(LeftOut(sheet.name, len(filled)))
            continue
        hidden = [number for number in filled if number in sheet.hidden_rows]
        if hidden:
            left_out.append(LeftOut(sheet.name, len(hidden), _spans(hidden)))
            values = [
                [] if number in sheet.hidden_rows else row
                for number, row in enumerate(sheet.values, start=1)
            ]
            sheet = replace(sheet, values=values)  # noqa: PLW2901 - replaced by the visible rows
        sheets.append(sheet)
    return replace(book, sheets=sheets), left_out


def _spans(numbers: list[int]) -> str:
    """Format ascending numbers as spans: 5–9, 12."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    text = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in spans)
    return text if len(text) <= _NAMED_MAX else text[:_NAMED_MAX].rpartition(",")[0] + " …"


def hidden_rows(files: Mapping[str, bytes], rows_max: int) -> dict[str, frozenset[int]]:
    """Return the hidden rows, counted from 1, of every sheet with hidden rows.

    `files`: the XML files of an archive by their names. Raises expat's or ElementTree's errors
    where they are broken.
    """
    if "xl/workbook.xml" in files:
        return {
            sheet: rows
            for sheet, path in _sheet_files(files).items()
            if (rows := _hidden_in_excel(files.get(path, b""), rows_max))
        }
    return _hidden_in_open_document(files.get("content.xml", b""), rows_max)


def _sheet_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the file of each sheet of an .xlsx, by the sheet's name."""
    targets = {
        relation.get("Id"): posixpath.normpath(posixpath.join("xl", relation.get("Target", "")))
        for relation in ElementTree.fromstring(files.get("xl/_rels/workbook.xml.rels", b"<none/>"))
    }
    workbook = ElementTree.fromstring(files["xl/workbook.xml"])
    found = {}
    for namespace in (_MAIN, _STRICT):
        for sheet in workbook.iter(f"{namespace}sheet"):
            relation_id = next(filter(None, map(sheet.get, _RELATION_IDS)), None)
            path = targets.get(relation_id, "")
            found[sheet.get("name", "")] = path.lstrip("/") if "/" in path else path
    return found


def _hidden_in_excel(content: bytes, rows_max: int) -> frozenset[int]:
    # Most sheets hide nothing and need not be parsed again.
    if b"hidden" not in content and b"zeroHeight" not in content:
        return frozenset()
    found: set[int] = set()
    number, by_default = 0, False

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal number, by_default
        local = name.rpartition(":")[2]
        if local == "sheetFormatPr":
            by_default = attributes.get("zeroHeight") in ("1", "true")
        elif local == "row":
            number = int(attributes.get("r", number + 1))
            if attributes.get("hidden", "1" if by_default else "0") in ("1", "true"):
                found.add(number)

    _parse(content, begin)
    return frozenset(row for row in found if row <= rows_max)


def _hidden_in_open_document(content: bytes, rows_max: int) -> dict[str, frozenset[int]]:
    if b"table:visibility" not in content:
        return {}
    found: dict[str, set[int]] = {}
    sheet, number = "", 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal sheet, number
        if name == "table:table":
            sheet, number = attributes.get("table:name", ""), 0
        elif name == "table:table-row":
            repeated = int(attributes.get("table:number-rows-repeated", "1"))
            if attributes.get("table:visibility") in ("collapse", "filter"):
                last = min(number + repeated, rows_max)
                found.setdefault(sheet, set()).update(range(number + 1, last + 1))
            number += repeated

    _parse(content, begin)
    return {name: frozenset(rows) for name, rows in found.items()}


def _parse(content: bytes, begin: Callable[[str, dict[str, str]], None]) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EntityDeclHandler = _refuse_entity
    parser.Parse(content, True)


def _refuse_entity(*_declared: Any) -> None:
    raise ValueError("a sheet declares an entity")
