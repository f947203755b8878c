"""Times of day as people type them."""

from __future__ import annotations

import re
from datetime import time
from functools import lru_cache

from guahao.rules.kernel.text import typed

# 8:30, 8：30, 8.30, 08:30:00, 8点30分, 8时30, 830, 0830; 上午8:30, 8:30 pm.
_TIME = re.compile(
    r"(?P<before>上午|早上|早晨|中午|下午|晚上|am|pm)? ?"
    r"(?:(?P<hour>\d{1,2}) ?(?:[:.·] ?(?P<minute>\d{2})(?::00)?"
    r"|[点时](?: ?(?P<spoken>\d{1,2}) ?分?|(?P<half>半)|整)?)"
    r"|(?P<digits>\d{3,4}))"
    r" ?(?P<after>am|pm|a\.m\.|p\.m\.)?",
    re.ASCII,
)
_AFTERNOON = ("下午", "晚上", "pm", "p.m.")
_MORNING = ("上午", "早上", "早晨", "am", "a.m.")
_NOON = 12


@lru_cache(4096)
def time_of_day(text: str) -> time | None:
    """Return the time of day in a text, to the minute; None if it is not certainly a time."""
    found = _TIME.fullmatch(typed(text).casefold())
    if found is None:
        return None
    if found["digits"]:
        hour, minute = int(found["digits"][:-2]), int(found["digits"][-2:])
    else:
        hour = int(found["hour"])
        minute = 30 if found["half"] else int(found["minute"] or found["spoken"] or 0)
    half_day = found["before"] or found["after"]
    if half_day in _AFTERNOON and hour < _NOON:
        hour += _NOON
    if half_day in _MORNING and hour > _NOON:
        return None
    if half_day in ("am", "a.m.") and hour == _NOON:
        hour = 0
    try:
        return time(hour, minute)
    except ValueError:
        return None
