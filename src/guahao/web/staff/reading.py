"""Dates, times, numbers and sums that a form of the staff holds."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from guahao.flows.timetables import FEE_MAX_FEN
from guahao.rules.limits import CITY_TIME

FEN = 100
_UNREADABLE = -1  # out of every range, so that the flow refuses it
_NUMBER_DIGITS = 9


def read_date(text: str) -> date | None:
    """A date of a form, or None."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_time(text: str) -> time | None:
    """A clock reading of a form, or None."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def read_moment(text: str) -> datetime | None:
    """A date with a clock reading of the city (2026-12-03T08:30), or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=CITY_TIME) if moment.tzinfo is None else None


def read_number(text: str) -> int:
    """A whole number of a form; -1 where it is none."""
    whole = text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS
    return int(text) if whole else _UNREADABLE


def read_fen(text: str) -> int:
    """Yuan with at most two decimals, in 分; -1 where it is no such sum."""
    try:
        fen = Decimal(text.strip() or "x") * FEN
    except InvalidOperation:
        return _UNREADABLE
    whole = fen.is_finite() and fen == fen.to_integral_value() and 0 <= fen <= FEE_MAX_FEN
    return int(fen) if whole else _UNREADABLE
