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


def asked_month(page: StaffPage) -> date:
    """Return the first day of the month in the query (2026-12), of this month where it is none."""
    this = page.today.replace(day=1)
    asked = read_date(f"{page.query('month')}-01")
    away = None if asked is None else (asked.year - this.year) * _MONTHS + asked.month - this.month
    return this if asked is None or abs(away or 0) > _MONTHS_AWAY_MAX else asked
