"""Parse the values of cells, or return their faults.

Excel has numbers, dates and times; CSV and cells formatted as text have text for all of them.
Both are read, and ambiguous values are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from guahao.rules.kernel.text import prose, typed
from guahao.rules.kernel.times import time_of_day
from guahao.sheets.book import FORMULA_ERRORS, Value
from guahao.sheets.headings import folded

_MINUTES_A_DAY = 24 * 60
_FEN = 100
_SERIAL_DAYS = range(20_000, 110_000)  # 1954 to 2201, as Excel counts days
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
_DATE_WITH_TIME = re.compile(r"(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?)[ T](\d{1,2}:\d{2}(:\d{2})?)")
_CLOCK_WITH_DIGITS = re.compile(r"\d{1,2}[:.]\d{2}|\d{3,4}")
_RANGE = re.compile(r"\d{1,2}:\d{2}\s*[-–—~至到]\s*\d{1,2}:\d{2}")
_WEEKDAY = re.compile(r"(星期|周|礼拜)[一二三四五六日天]|(mon|tues?|wed|thu|fri|sat|sun)[a-z]*")


class CellFault(StrEnum):
    """The faults of a cell in any table."""

    BLANK = "blank"
    FORMULA_ERROR = "formula_error"
    CONTROL = "control_characters"
    TOO_LONG = "too_long"
    NOT_TEXT = "not_text"
    ZEROS_LOST = "zeros_lost"
    NOT_A_NUMBER = "not_a_number"
    FRACTION = "fraction"
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"
    DECIMALS = "decimals"
    DATE_FORMAT = "date_format"
    NO_SUCH_DAY = "no_such_day"
    DATE_AS_NUMBER = "date_as_number"
    DATE_WITH_TIME = "date_with_time"
    DATE_AS_WEEKDAY = "date_as_weekday"
    TIME_FORMAT = "time_format"
    NO_SUCH_TIME = "no_such_time"
    TIME_AS_RANGE = "time_as_range"
    UNKNOWN_CHOICE = "unknown_choice"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a value is refused; `detail` as in `Fault`."""

    word: str
    detail: Mapping[str, object] = field(default_factory=dict)


def is_blank(value: Value) -> bool:
    """Return whether the cell is empty or only white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def text(value: Value, most: int) -> str | Wrong:
    """Return a single line of at most `most` characters; empty for an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool | date | time | timedelta):
        return Wrong(CellFault.NOT_TEXT)
    if isinstance(value, str):
        if value in FORMULA_ERRORS:
            return Wrong(CellFault.FORMULA_ERROR)
        if "\n" in value.strip() or "\t" in value.strip():
            return Wrong(CellFault.CONTROL)
        plain = prose(value)
    else:
        plain = str(value)
    return plain if len(plain) <= most else Wrong(CellFault.TOO_LONG, {"most": most})


def whole_number(value: Value, most: int) -> int | Wrong:
    """Return a whole number from 0 to `most`."""
    plain = _plain(value)
    if isinstance(plain, Wrong):
        return plain
    number = _number(plain)
    if isinstance(number, Wrong):
        return number
    if number < 0:
        return Wrong(CellFault.NEGATIVE)
    if number != number.to_integral_value():
        return Wrong(CellFault.FRACTION)
    return int(number) if number <= most else Wrong(CellFault.TOO_LARGE, {"most": most})


def money_fen(value: Value, most_fen: int) -> int | Wrong:
    """Return an amount in 分, from 0 to `most_fen`, of yuan with at most two decimals."""
    plain = _plain(value)
    if isinstance(plain, Wrong):
        return plain
    number = _number(plain)
    if isinstance(number, Wrong):
        return number
    if number < 0:
        return Wrong(CellFault.NEGATIVE)
    fen = number * _FEN
    if fen != fen.to_integral_value():
        return Wrong(CellFault.DECIMALS)
    most = {"most": most_fen // _FEN}
    return int(fen) if fen <= most_fen else Wrong(CellFault.TOO_LARGE, most)


def day(value: Value) -> date | Wrong:
    """Return a date: Excel's, or as text 2026-12-01, 2026/12/1, 2026年12月1日, 20261201."""
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date() if midnight else Wrong(CellFault.DATE_WITH_TIME)
    if isinstance(value, date):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value in _SERIAL_DAYS:
        return Wrong(CellFault.DATE_AS_NUMBER)
    plain = _plain(value)
    return plain if isinstance(plain, Wrong) else _day(str(plain))


@lru_cache(4096)
def _day(plain: str) -> date | Wrong:
    with_time = _DATE_WITH_TIME.fullmatch(plain)
    if with_time is not None:
        if with_time[2].replace("0", "").strip(":"):
            return Wrong(CellFault.DATE_WITH_TIME)
        plain = with_time[1]
    found = _DATE.fullmatch(plain)
    if found is None:
        weekday = _WEEKDAY.fullmatch(plain.casefold())
        return Wrong(CellFault.DATE_AS_WEEKDAY if weekday else CellFault.DATE_FORMAT)
    year, month, of_month = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, of_month)
    except ValueError:
        return Wrong(CellFault.NO_SUCH_DAY)


def clock(value: Value) -> time | Wrong | None:
    """Return a time of day, to the minute; None for an empty cell."""
    if is_blank(value):
        return None
    if isinstance(value, datetime):
        value = value.time()  # the date is Excel's, or irrelevant
    if isinstance(value, time):
        minutes = value.second == 0 and value.microsecond == 0
        return value if minutes else Wrong(CellFault.TIME_FORMAT)
    if isinstance(value, timedelta):
        return _of_minutes(value.total_seconds() / 60)
    if isinstance(value, float):
        days = int(value) if int(value) in _SERIAL_DAYS else 0
        return _of_minutes((value - days) * _MINUTES_A_DAY)
    plain = _plain(value)
    return plain if isinstance(plain, Wrong) else _clock(str(plain))


@lru_cache(4096)
def _clock(plain: str) -> time | Wrong:
    if _RANGE.fullmatch(plain):
        return Wrong(CellFault.TIME_AS_RANGE)
    found = time_of_day(plain)
    if found is None:
        is_written_right = _CLOCK_WITH_DIGITS.fullmatch(plain) is not None
        return Wrong(CellFault.NO_SUCH_TIME if is_written_right else CellFault.TIME_FORMAT)
    return found


def _of_minutes(minutes: float) -> time | Wrong:
    nearest = round(minutes)
    if abs(minutes - nearest) > 1e-6 or not 0 <= nearest < _MINUTES_A_DAY:  # noqa: PLR2004
        return Wrong(CellFault.TIME_FORMAT)
    return time(*divmod(nearest, 60))


def choice(value: Value, choices: Mapping[str, str], offered: str) -> str | Wrong:
    """Return the choice for the folded text; `offered` lists the choices in a fault."""
    plain = _plain(value)
    if isinstance(plain, Wrong):
        return plain
    return choices.get(folded(plain)) or Wrong(CellFault.UNKNOWN_CHOICE, {"offered": offered})


def _plain(value: Value) -> str | int | float | Wrong:
    """Return a number unchanged, or text half-width and stripped."""
    if value is None:
        return Wrong(CellFault.BLANK)
    if isinstance(value, bool | date | time | timedelta):
        return Wrong(CellFault.NOT_A_NUMBER)
    if not isinstance(value, str):
        return value
    if value in FORMULA_ERRORS:
        return Wrong(CellFault.FORMULA_ERROR)
    plain = _half_width(value)
    return plain or Wrong(CellFault.BLANK)


@lru_cache(4096)
def _half_width(value: str) -> str:
    return typed(value)


def _number(plain: str | float) -> Decimal | Wrong:
    if isinstance(plain, int):
        return Decimal(plain)
    if isinstance(plain, float):
        # Ten digits, because further digits of a formula's float are noise.
        return Decimal(f"{plain:.10g}")
    return Decimal(plain) if _NUMBER.fullmatch(plain) else Wrong(CellFault.NOT_A_NUMBER)
