"""What is wrong with a file, and with one of its cells. Doors make sentences of both."""

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
class Unreadable:
    """A file that is no tables; `sheet` where one of them is to blame."""

    fault: FileFault
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell, a row (no column) or a sheet (row 0) that cannot be taken as it is.

    `word` is the fault's name, of the importer that found it; `value` what stands there,
    shortened; `detail` what the sentence needs besides: a limit, another row, what is allowed.
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
        """As Excel names it: C12, row 12 alone, or nothing."""
        return f"{self.column_letter}{self.row or ''}"


def shown(value: object) -> str:
    """A cell's value as a report repeats it: printable, and not too long."""
    text = "" if value is None else str(value)
    printable = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    if len(printable) <= SHOWN_VALUE_MAX:
        return printable
    return printable[: SHOWN_VALUE_MAX - 1] + "…"
