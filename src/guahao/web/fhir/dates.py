"""Dates in FHIR searches: a prefix and a year, month, day or time of that precision."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from guahao.rules.kernel.limits import CITY_TIME, add_months
from guahao.web.http.reading import ProblemError

_PREFIXES = ("eq", "ne", "ge", "gt", "sa", "le", "lt", "eb")
_DATE = re.compile(
    rf"(?P<prefix>{'|'.join(_PREFIXES)})?"
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?P<clock>T[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
Test = Callable[[datetime], bool]


def in_range(values: Sequence[str] | None, name: str) -> Test:
    """Return a test for all conditions (`ge2026-12`, `2026-12-03,2026-12-05`, `lt…T…Z`).

    Of conditions separated by commas, any suffices. A date is a whole day of the city; a moment
    without an offset is the city's.
    """
    groups = [[_test(text, name) for text in value.split(",")] for value in values or ()]
    return lambda moment: all(any(test(moment) for test in group) for group in groups)


def _test(text: str, name: str) -> Test:
    found = _DATE.fullmatch(text.replace(" ", "+"))  # a plus sign decoded as a space
    if found is None:
        raise ProblemError("fhir_parameter_invalid", field=name)
    try:
        start = _start(found)
        end = _end(start, found)
    except ValueError:  # not an existing day or time
        raise ProblemError("fhir_parameter_invalid", field=name) from None
    return {
        "eq": lambda moment: start <= moment < end,
        "ne": lambda moment: not start <= moment < end,
        "ge": lambda moment: moment >= start,
        "gt": lambda moment: moment >= end,
        "sa": lambda moment: moment >= end,
        "le": lambda moment: moment < end,
        "lt": lambda moment: moment < start,
        "eb": lambda moment: moment < start,
    }[found["prefix"] or "eq"]


def _start(found: re.Match[str]) -> datetime:
    """Return the first moment of the interval."""
    day = date(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    text = day.isoformat() + (found["clock"] or "").replace("Z", "+00:00")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=CITY_TIME)


def _end(start: datetime, found: re.Match[str]) -> datetime:
    """Return the first moment after the interval, at most the last possible moment."""
    try:
        if found["clock"]:
            return start + timedelta(seconds=1 if found["seconds"] else 60)
        if found["day"]:
            return start + timedelta(days=1)
        end = add_months(start.date(), 1 if found["month"] else 12)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=CITY_TIME)
    return datetime(end.year, end.month, end.day, tzinfo=CITY_TIME)
