"""The faults of files and of their cells, which routers put into sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN_VALUE_MAX = 60  # characters of a cell that a report repeats


class FileFault(StrEnum):
    """Why a file cannot be read as tables."""

    EMPTY = "file_empty"
    TOO_BIG = "file_too_big"
    TOO_MANY_ROWS = "file_too_many_rows"
    TOO_MANY_COLUMNS = "file_too_many_columns"
    TOO_MANY_SHEETS = "file_too_many_sheets"
    ENCRYPTED = "file_encrypted"
    BROKEN = "file_broken"
    WRONG_KIND = "file_wrong_kind"
    ENCODING = "file_encoding"


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that cannot be read; `sheet` names the sheet that causes it, if any."""

    fault: FileFault
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A wrong cell, row (no column) or sheet (row 0).

    `word` is the fault's name, given by the importer that found it; `value` is the shortened
    content; `detail` is what the sentence needs besides: a limit, another row, what is allowed.
    """

    sheet: str
    row: int
    column_letter: str
    heading: str
    word: str
    value: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Return the place as Excel names it: C12, only row 12, or nothing."""
        return f"{self.column_letter}{self.row or ''}"


def shown(value: object) -> str:
    """Return a cell's value for a report: printable, and not too long."""
    text = "" if value is None else str(value)
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if len(printable) <= SHOWN_VALUE_MAX:
        return printable
    return printable[: SHOWN_VALUE_MAX - 1] + "…"
