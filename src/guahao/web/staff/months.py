"""Calendar sheets: the weeks of a month, from Monday on."""

from __future__ import annotations

from calendar import Calendar
from dataclasses import dataclass
from datetime import date, timedelta

from guahao.web.staff.page import StaffPage
from guahao.web.staff.reading import read_date

_MONTHS_AWAY_MAX = 25
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Month:
    """A month with its weeks; the dates of its neighbours fill the first and the last."""

    first: date
    weeks: list[list[date]]

    @property
    def last(self) -> date:
        """Return the month's last day."""
        return later(self.first, 1) - timedelta(days=1)


def later(first: date, months: int) -> date:
    """Return the first day of the month so many months later."""
    years, month = divmod(first.month - 1 + months, _MONTHS)
    return date(first.year + years, month + 1, 1)


def month_of(day: date) -> Month:
    """Return the month of a date."""
    return Month(day.replace(day=1), Calendar().monthdatescalendar(day.year, day.month))


def months_from(first: date, count: int) -> list[Month]:
    """Return so many months, the first of them that of the date."""
    return [month_of(later(first, n)) for n in range(count)]


def near_month(page: StaffPage, day: date | None) -> date | None:
    """Return the first day of a date's month; None where it is too far from now to be shown."""
    if day is None:
        return None
    away = (day.year - page.today.year) * _MONTHS + day.month - page.today.month
    return day.replace(day=1) if abs(away) <= _MONTHS_AWAY_MAX else None


def asked_month(page: StaffPage) -> date:
    """Return the first day of the month in the query (2026-12), of this month where it is none."""
    asked = read_date(f"{page.query('month')}-01")
    return near_month(page, asked) or page.today.replace(day=1)
