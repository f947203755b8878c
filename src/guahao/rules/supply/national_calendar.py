"""China's holidays and swapped working days, as the State Council announces them each November.

The dates come from `chinesecalendar`, which is released once a year after the announcement. It
says which Saturdays and Sundays are worked, but not for which day: a worked day follows the weekday
of the day off that it makes up for, the earliest of the same holiday first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from chinese_calendar import holidays, in_lieu_days, workdays

from guahao.rules.supply.calendar import DayRule
from guahao.rules.supply.planning import ROLLED_DAYS

_APART_MAX = timedelta(days=30)  # a worked day and the day off that it makes up for

HOLIDAYS_ZH: Mapping[str, str] = MappingProxyType(
    {
        "New Year's Day": "元旦",
        "Spring Festival": "春节",
        "Tomb-sweeping Day": "清明节",
        "Labour Day": "劳动节",
        "Dragon Boat Festival": "端午节",
        "Mid-autumn Festival": "中秋节",
        "National Day": "国庆节",
    }
)


@cache
def national_days() -> Mapping[date, DayRule]:
    """Return every date that does not follow its own weekday. Cached: the package never changes."""
    found = {day: DayRule(None, HOLIDAYS_ZH.get(name, name)) for day, name in holidays.items()}
    left = sorted(in_lieu_days)
    for day, name in sorted(workdays.items()):
        off = next(
            (lieu for lieu in left if in_lieu_days[lieu] == name and abs(lieu - day) <= _APART_MAX),
            None,
        )
        if off is not None:
            left.remove(off)
            found[day] = DayRule(off.isoweekday(), f"{HOLIDAYS_ZH.get(name, name)}调休")
    return MappingProxyType(found)


@cache
def first_unknown_day() -> date:
    """Return the first date of the year that was not announced yet, as far as the package knows.

    It and later dates follow their weekdays.
    """
    return date(max(national_days()).year + 1, 1, 1)


def unknown_within(today: date, last: date) -> date | None:
    """Return the first date of today and later whose year was not announced yet; None: all were.

    `last`: the last date that is asked about.
    """
    first = max(today, first_unknown_day())
    return first if first <= last else None


def unknown_from(today: date) -> date | None:
    """Return the first date of the roll-out whose year was not announced yet; None: all were."""
    return unknown_within(today, today + timedelta(days=ROLLED_DAYS))


def known_days(today: date) -> int:
    """Return for how many days, from today on, the announcement is known."""
    return max(0, (first_unknown_day() - today).days)
