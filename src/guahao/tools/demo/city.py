"""Hospitals, departments and weekly timetables of the invented city.

Everything follows from the number of a hospital: the same city every time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from functools import cache
from importlib import resources
from random import Random
from typing import Any

from guahao.rules.kernel.limits import HospitalRules

PERIODS = {
    "morning": ((time(8), time(10)), (time(10), time(12)), (time(8), time(12))),
    "afternoon": ((time(13, 30), time(15)), (time(15), time(17)), (time(13, 30), time(17))),
    "evening": ((time(17, 30), time(20, 30)),) * 3,
}
_SATURDAY, _SUNDAY = 6, 7
_OPEN_SUNDAYS = 0.1  # of the hospitals
_WITH_START_TIMES = 0.5  # of the hospitals (分时段)
_EVENING = 0.15  # of the weekdays of a popular department


@dataclass(frozen=True, slots=True)
class Hospital:
    """An invented hospital; `busy` scales its timetables, 1 being the usual."""

    number: int
    code: str
    name: str
    name_en: str
    grade: str
    district: str
    district_en: str
    address: str
    phone: str
    notice: str
    pickup_place: str
    address_en: str
    pickup_place_en: str
    notice_en: str
    rules: HospitalRules
    kind: str
    busy: float


@dataclass(frozen=True, slots=True)
class Department:
    """A second-level department, with the first-level one above it (诊疗科目)."""

    parent_code: str
    code: str
    name: str
    name_en: str
    specialties: tuple[str, ...]
    popular: bool
    on_platform: bool


@dataclass(frozen=True, slots=True)
class Clinic:
    """One line of a weekly timetable. Money in 分."""

    title: str
    specialty: str
    iso_weekday: int
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int


def hospitals(count: int) -> list[Hospital]:
    """Return the first `count` hospitals of the city; past the named ones, numbered ones."""
    return [_hospital(number, *_named(number)) for number in range(count)]


def position(hospital: Hospital) -> tuple[float, float]:
    """Return where a hospital is, in the sea: latitude and longitude, near its neighbours."""
    districts = [district["name"] for district in _data("city")["district"]]
    across, along = divmod(districts.index(hospital.district), 4)
    random = Random(f"{hospital.number} position")
    return (
        round(30.0 + 0.09 * across + random.uniform(0, 0.07), 5),
        round(125.0 + 0.1 * along + random.uniform(0, 0.08), 5),
    )


def parents() -> dict[str, tuple[str, str]]:
    """Return first-level departments: code to Chinese and English name."""
    return {s["code"]: (s["name"], s["name_en"]) for s in _data("subjects")["subject"]}


def departments(hospital: Hospital) -> list[Department]:
    """Return a hospital's departments that can be booked, and the few it keeps off the platform."""
    of_kind = next(k for k in _data("city")["kind"] if k["name"] == hospital.kind)
    by_subject = _departments()
    return [one for subject in of_kind["subjects"] for one in by_subject[subject]]


def announcement() -> tuple[str, str, str, str]:
    """Return what the first page says: title and text, each in Chinese and English."""
    said = _data("city")["announcement"]
    return said["title"], said["title_en"], said["body"], said["body_en"]


def popular_codes() -> list[str]:
    """Return the departments that are soon full."""
    return [d.code for ones in _departments().values() for d in ones if d.popular]


def fees(hospital: Hospital) -> dict[str, int]:
    """Return what the hospital charges for each title, in 分."""
    random = Random(f"{hospital.number} fees")
    return {title["name"]: random.choice(title["fee_fen"]) for title in _data("city")["title"]}


def timetable(hospital: Hospital, department: Department) -> Iterator[Clinic]:
    """Yield the weekly clinics of a department; none where it is kept off the platform."""
    if not department.on_platform:
        return
    random = Random(f"{hospital.number} {department.code}")
    of_hospital = Random(f"{hospital.number} hours")
    sundays = of_hospital.random() < _OPEN_SUNDAYS
    with_start_times = of_hospital.random() < _WITH_START_TIMES
    charged = fees(hospital)
    for weekday in range(1, _SUNDAY + 1 if sundays else _SUNDAY):
        for period in _open_periods(weekday, department.popular, random):
            for title in _data("city")["title"]:
                chance = title["saturday" if weekday >= _SATURDAY else "weekday"]
                if random.random() < chance * hospital.busy:
                    fee_fen = charged[title["name"]]
                    yield _clinic(
                        title, department, (weekday, period), fee_fen, with_start_times, random
                    )


def _open_periods(weekday: int, popular: bool, random: Random) -> list[str]:
    evening = popular and weekday < _SATURDAY and random.random() < _EVENING
    return ["morning", "afternoon", *(["evening"] if evening else [])]


def _clinic(
    title: dict[str, Any],
    department: Department,
    when: tuple[int, str],
    fee_fen: int,
    with_start_times: bool,
    random: Random,
) -> Clinic:
    specialty = random.choice(department.specialties) if title["specialty"] else ""
    starts_at, ends_at = random.choice(PERIODS[when[1]]) if with_start_times else (None, None)
    capacity = random.choice(title["capacity"])
    return Clinic(title["name"], specialty, *when, starts_at, ends_at, fee_fen, capacity)


def _named(number: int) -> tuple[dict[str, Any], str, int]:
    """Return what makes a hospital: its entry, its grade and its district's number."""
    city = _data("city")
    own, repeated, districts = city["hospital"], city["in_every_district"], city["district"]
    if number < len(own):
        return own[number], own[number]["grade"], own[number]["district"]
    turn, district = divmod(number - len(own), len(districts))
    round_, which = divmod(turn, len(repeated))
    entry = repeated[which]
    suffix, suffix_en = (f"第{round_ + 1}分院", f", Branch {round_ + 1}") if round_ else ("", "")
    named = {
        **entry,
        "name": districts[district]["name"] + entry["name"] + suffix,
        "name_en": f"{districts[district]['name_en']} District {entry['name_en']}{suffix_en}",
    }
    return named, entry["grades"][district % len(entry["grades"])], district


def _hospital(number: int, entry: dict[str, Any], grade: str, district: int) -> Hospital:
    city, random = _data("city"), Random(f"hospital {number}")
    kind = next(k for k in city["kind"] if k["name"] == entry["kind"])
    street, house = _chosen(random, city, "streets"), random.randint(1, 199)
    in_district = city["district"][district]
    hint, pickup_place = _chosen(random, city, "hints"), _chosen(random, city, "pickup_places")
    return Hospital(
        number=number,
        code=f"AL{number + 1:04d}",
        name=city["name"] + entry["name"],
        name_en=f"{city['name_en']} {entry['name_en']}",
        grade=grade,
        district=city["district"][district]["name"],
        district_en=city["district"][district]["name_en"],
        address=f"{city['name']}{in_district['name']}{street[0]}{house}号",
        phone=f"000-5550{number:04d}",
        notice=f"{city['notice']}{hint[0]}",
        pickup_place=pickup_place[0],
        address_en=f"{house} {street[1]}, {in_district['name_en']}, {city['name_en']}",
        pickup_place_en=pickup_place[1],
        notice_en=f"{city['notice_en']} {hint[1]}",
        rules=_rules(city["rules"], random),
        kind=entry["kind"],
        busy=kind["busy"] * random.uniform(0.9, 1.1),
    )


def _chosen(random: Random, city: dict[str, Any], name: str) -> tuple[str, str]:
    """Choose a text of a list; return it in Chinese and English."""
    chosen = random.choice(list(zip(city[name], city[f"{name}_en"], strict=True)))
    return chosen[0], chosen[1]


def _rules(choices: dict[str, list[Any]], random: Random) -> HospitalRules:
    drawn = {name: random.choice(values) for name, values in choices.items()}
    return HospitalRules(
        cycle_days=drawn.pop("cycle_days") or None,
        cancel_days_before=drawn.pop("cancel_days_before"),
        **{name: time.fromisoformat(value) for name, value in drawn.items()},  # type: ignore[arg-type]
    )


@cache
def _departments() -> dict[str, list[Department]]:
    """Return second-level departments by the code of the first level."""
    return {
        subject["code"]: [
            Department(
                subject["code"],
                entry["code"],
                entry["name"],
                entry["name_en"],
                tuple(entry["specialties"]),
                entry.get("popular", False),
                not entry.get("off_platform", False),
            )
            for entry in subject["departments"]
        ]
        for subject in _data("subjects")["subject"]
    }


@cache
def _data(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
