"""A hospital's day in figures: who is expected, who came, who is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.limits import HospitalRules

PERIODS = ("morning", "afternoon", "evening")


@dataclass(frozen=True, slots=True)
class ExpectedBookings:
    """Bookings of a department that begin in the same hour of the day, or period.

    `hour`: None where its sessions have no times. `waiting`: not picked up yet; `missing`: no-shows
    and those whose attendance is unknown.
    """

    department_id: int
    department_name: str
    department_name_en: str
    period: str
    hour: int | None
    waiting: int
    arrived: int
    missing: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Bookings of a day or a part of it."""

    waiting: int = 0
    arrived: int = 0
    missing: int = 0

    @property
    def expected(self) -> int:
        """Return all of them."""
        return self.waiting + self.arrived + self.missing

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.waiting + other.waiting, self.arrived + other.arrived, self.missing + other.missing
        )


def tally(
    rows: Iterable[ExpectedBookings], day: date, rules: HospitalRules, now: datetime
) -> Tally:
    """Add up; a booking whose pick-up deadline is over is missing, before its status says so."""
    total = Tally()
    for row in rows:
        late = row.waiting if now > pickup_deadline(day, row.period, rules) else 0
        total += Tally(row.waiting - late, row.arrived, row.missing + late)
    return total


def next_deadline(
    rows: Sequence[ExpectedBookings], day: date, rules: HospitalRules, now: datetime
) -> tuple[str, datetime, int] | None:
    """Return the next period whose pick-up ends, when, and for how many; None if there is none."""
    for period in PERIODS:
        until = pickup_deadline(day, period, rules)
        waiting = sum(row.waiting for row in rows if row.period == period)
        if until >= now and waiting:
            return period, until, waiting
    return None
