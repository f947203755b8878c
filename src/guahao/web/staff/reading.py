"""Dates, times, numbers and sums that a form of the staff holds."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.text import typed
from guahao.rules.kernel.times import time_of_day
from guahao.rules.supply.planning import FEE_MAX_FEN, FEN

_UNREADABLE = -1  # out of every range, so that the flow refuses it
_NUMBER_DIGITS = 9


def read_date(text: str) -> date | None:
    """Read a date of a form, or None."""
    try:
        return date.fromisoformat(typed(text))
    except ValueError:
        return None


class UnreadableTimeError(Exception):
    """A field that holds something, and no time of day."""


def read_time(text: str) -> time | None:
    """Return a time of day as people type it: 8:30, 8：30, 830; None where the field is empty.

    Raises UnreadableTimeError for anything else, so that no time is dropped.
    """
    if not typed(text):
        return None
    found = time_of_day(text)
    if found is None:
        raise UnreadableTimeError
    return found


def read_moment(text: str) -> datetime | None:
    """Return a date with a time of the city (2026-12-03T08:30, 2026-12-03 8：30), or None."""
    day_text, _, time_text = typed(text).replace("T", " ", 1).partition(" ")
    day, at = read_date(day_text), time_of_day(time_text)
    return None if day is None or at is None else datetime.combine(day, at, CITY_TIME)


def read_number(text: str) -> int:
    """Read a whole number of a form; -1 where it is none."""
    text = typed(text)
    whole = text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS
    return int(text) if whole else _UNREADABLE


def read_fen(text: str) -> int:
    """Read yuan with at most two decimals, in 分; -1 where it is no such sum."""
    try:
        fen = Decimal(typed(text) or "x") * FEN
    except InvalidOperation:
        return _UNREADABLE
    whole = fen.is_finite() and fen == fen.to_integral_value() and 0 <= fen <= FEE_MAX_FEN
    return int(fen) if whole else _UNREADABLE
