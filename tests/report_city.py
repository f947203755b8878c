"""A small city with known bookings, and how a test counts them by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from tests.supply import Rows, at

CHANNELS = ("web", "wechat", "phone", "api")
TITLES = ("主任医师", "普通门诊")
PERIODS = ("morning", "afternoon")
PAST = ("picked_up", "picked_up", "picked_up", "no_show", "unverified", "cancelled", "stopped")
FUTURE = ("booked", "booked", "cancelled")
TODAY = date(2026, 11, 30)


@dataclass(frozen=True)
class Clinic:
    """A session as it was put in."""

    id: int
    hospital: str
    department: str
    title: str
    visit_date: date
    period: str
    capacity: int
    stopped: bool


@dataclass(frozen=True)
class Booking:
    """A booking as it was put in."""

    id: int
    clinic: Clinic
    status: str
    channel: str
    booked_at: datetime

    @property
    def made_on(self) -> date:
        return self.booked_at.date()


@dataclass
class City:
    """What is in the city, by the names that the reports say."""

    rows: Rows
    hospitals: dict[str, int] = field(default_factory=dict)
    departments: dict[str, int] = field(default_factory=dict)
    clinics: list[Clinic] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    _codes: Any = field(default_factory=lambda: count(1))

    def add_hospital(self, name: str, *departments: str, **columns: Any) -> None:
        self.hospitals[name] = self.rows.hospital(name=name, **columns)
        for department in departments:
            id = self.rows.department(self.hospitals[name], name=department)
            self.departments[department] = id

    def add_clinic(
        self, hospital: str, department: str, visit_date: date, **columns: Any
    ) -> Clinic:
        given = {"title": "主任医师", "period": "morning", "capacity": 4, **columns}
        id = self.rows.session(
            self.hospitals[hospital], self.departments[department], visit_date, **given
        )
        clinic = Clinic(
            id,
            hospital,
            department,
            given["title"],
            visit_date,
            given["period"],
            given["capacity"],
            given.get("stopped_at") is not None,
        )
        self.clinics.append(clinic)
        return clinic

    def book(
        self,
        clinic: Clinic,
        booked_at: datetime,
        *,
        status: str = "booked",
        channel: str = "web",
        changed_at: datetime | None = None,
        patient: int | None = None,
    ) -> Booking:
        """A booking of somebody new, unless told who; it takes its place."""
        id = self.rows.appointment(patient or self.rows.patient(), clinic.id, status)
        self.rows.conn.execute(
            "UPDATE appointments SET channel = %s, booked_at = %s, changed_at = %s WHERE id = %s",
            (channel, booked_at, changed_at or booked_at, id),
        )
        booking = Booking(id, clinic, status, channel, booked_at)
        self.bookings.append(booking)
        return booking

    def taken(self, clinic: Clinic) -> int:
        return sum(
            one.clinic is clinic and one.status not in ("cancelled", "stopped")
            for one in self.bookings
        )


def busy_city(rows: Rows) -> City:
    """Two hospitals, three departments, forty clinics, bookings of every kind."""
    random = Random(11)
    city = City(rows)
    city.add_hospital("安澜市甲医院", "甲内科", "甲外科", name_en="Hospital A")
    city.add_hospital("安澜市乙医院", "乙内科", name_en="Hospital B")
    places = [("安澜市甲医院", "甲内科"), ("安澜市甲医院", "甲外科"), ("安澜市乙医院", "乙内科")]
    for n in range(40):
        hospital, department = places[n % 3]
        visit_date = TODAY + timedelta(days=random.randrange(-12, 13))
        stopped = n in (7, 22)
        clinic = city.add_clinic(
            hospital,
            department,
            visit_date,
            title=random.choice(TITLES),
            period=random.choice(PERIODS),
            stopped_at=at("2026-11-29") if stopped else None,
        )
        for _ in range(random.randrange(6)):
            statuses = PAST if visit_date <= TODAY else FUTURE
            status = "stopped" if stopped else random.choice(statuses)
            if status not in ("cancelled", "stopped") and city.taken(clinic) == clinic.capacity:
                status = "cancelled"
            day = min(visit_date - timedelta(days=random.randrange(1, 20)), TODAY)
            clock = f"{random.randrange(7, 9):02d}:{random.randrange(60):02d}"
            booked_at = at(f"{day.isoformat()} {clock}")
            city.book(clinic, booked_at, status=status, channel=random.choice(CHANNELS))
    return city
