"""What a replay must answer, worked out once more from the law's page: dictionaries, every
window tried, nothing of the platform's own code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache

ORDER = (
    "unknown_session",
    "not_your_patient",
    "session_stopped",
    "same_day",
    "next_day_closed",
    "beyond_horizon",
    "not_released",
    "by_draw",
    "account_restricted",
    "document_ended",
    "person_unchecked",
    "patient_suspended",
    "duplicate_department",
    "day_limit",
    "seven_day_limit",
    "three_month_limit",
    "sold_out",
)
Row = Mapping[str, str]


@cache
def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = day.year, day.month + months
    while month > 12:
        year, month = year + 1, month - 12
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError


@cache
def weeks_around(day: date) -> list[tuple[date, date]]:
    """Every seven consecutive dates that contain the day, as [first, end)."""
    firsts = [day - timedelta(days=back) for back in range(7)]
    return [(first, first + timedelta(days=7)) for first in firsts]


@cache
def quarters_around(day: date) -> list[tuple[date, date]]:
    """Every three months that contain the day, as [first, end)."""
    firsts = [day - timedelta(days=back) for back in range(100)]
    windows = [(first, months_after(first, 3)) for first in firsts]
    return [(first, end) for first, end in windows if first <= day < end]


def fullest(windows: Iterable[tuple[date, date]], dates: Iterable[date]) -> int:
    """The most of the dates in one of the windows."""
    known = list(dates)
    return max(sum(first <= day < end for day in known) for first, end in windows)


@dataclass
class Person:
    """What is known of a person: (visit date, hospital) of each booking, and the no-shows."""

    booked: list[tuple[date, str]] = field(default_factory=list)
    no_shows: list[date] = field(default_factory=list)

    def suspended_on(self, today: date) -> bool:
        return any(start <= today < end for start, end in self.suspensions())

    def suspensions(self) -> list[tuple[date, date]]:
        """S16: in a calendar year the 3rd no-show suspends for 3 months, the 6th for 6."""
        found = []
        for year in {day.year for day in self.no_shows}:
            days = sorted(day for day in self.no_shows if day.year == year)
            for nth, months in ((3, 3), (6, 6)):
                if len(days) >= nth:
                    start = days[nth - 1]
                    found.append((start, months_after(start, months)))
        return found


class City:
    """The city of the records, lived through one request after the other."""

    def __init__(self, capacity: int | None) -> None:
        self.capacity = capacity
        self.taken: Counter[tuple[str, date]] = Counter()
        self.persons: defaultdict[str, Person] = defaultdict(Person)
        self.to_come: defaultdict[date, list[str]] = defaultdict(list)  # who will not show up
        self.answers: Counter[str] = Counter()
        self.no_shows = 0

    def live(self, rows: Iterable[Row]) -> None:
        def order(row: Row) -> tuple[str, int]:
            return (row["ScheduledDay"], int(row["AppointmentID"]))

        for row in sorted(rows, key=order):
            at = datetime.fromisoformat(row["ScheduledDay"][:19])
            self.end_days_before(at.date())
            visit = date.fromisoformat(row["AppointmentDay"][:10])
            answer = self.answer(row["PatientId"], row["Neighbourhood"], visit, at)
            self.answers[answer] += 1
            if answer == "booked":
                self.persons[row["PatientId"]].booked.append((visit, row["Neighbourhood"]))
                self.taken[row["Neighbourhood"], visit] += 1
                if row["No-show"] == "Yes":
                    self.to_come[visit].append(row["PatientId"])
        self.end_days_before(date.max)

    def end_days_before(self, today: date) -> None:
        for visit in [visit for visit in self.to_come if visit < today]:
            absent = self.to_come.pop(visit)
            self.no_shows += len(absent)
            for person in absent:
                self.persons[person].no_shows.append(visit)

    def answer(self, name: str, hospital: str, visit: date, at: datetime) -> str:
        today, tomorrow = at.date(), at.date() + timedelta(days=1)
        person = self.persons[name]
        dates = [day for day, _ in person.booked]
        applies = {
            "same_day": visit <= today,
            "next_day_closed": visit == tomorrow and at.time() >= time(15),
            "beyond_horizon": visit > months_after(today, 3),
            "patient_suspended": person.suspended_on(today),
            "duplicate_department": (visit, hospital) in person.booked,
            "day_limit": dates.count(visit) >= 2,
            "seven_day_limit": fullest(weeks_around(visit), dates) >= 3,
            "three_month_limit": fullest(quarters_around(visit), dates) >= 5,
            "sold_out": self.capacity is not None and self.taken[hospital, visit] >= self.capacity,
        }
        return next((word for word in ORDER if applies.get(word)), "booked")


def expected(rows: Iterable[Row], capacity: int | None = None) -> dict[str, object]:
    """The answer of a replay under the owner's policy, but for the rules it repeats."""
    known = list(rows)
    city = City(capacity)
    city.live(known)
    booked = city.answers["booked"]
    return {
        "requests": len(known),
        "hospitals": len({row["Neighbourhood"] for row in known}),
        "clinic_sessions": len(
            {(row["Neighbourhood"], row["AppointmentDay"][:10]) for row in known}
        ),
        "persons": len({row["PatientId"] for row in known}),
        "booked": booked,
        "refused": {word: city.answers[word] for word in ORDER},
        "no_shows": city.no_shows,
        "picked_up": booked - city.no_shows,
        "persons_suspended": sum(bool(p.suspensions()) for p in city.persons.values()),
    }
