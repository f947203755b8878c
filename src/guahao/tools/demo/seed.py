"""A demo city in an empty database: everything in it is invented, nothing in it is faked.

Its bookings are real records, with codes, counters and sealed persons, within every limit
of the law: an audit of the city is clean.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from itertools import islice
from random import Random
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from guahao.errors import OperatorError
from guahao.flows.hospitals.files.term_reading import shipped_terms
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.demo_staff import hashed_password
from guahao.rules.attendance.penalties import suspended_until
from guahao.rules.kernel.limits import (
    CODE_DIGITS,
    CODE_KEPT_DAYS,
    ONE_DAY,
    PATIENTS_PER_PHONE,
    Policy,
)
from guahao.rules.people.consent import NOTICE_VERSION
from guahao.rules.supply.releasing import city_time, opens_at, session_state
from guahao.store.hospitals import search_terms as term_store
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import SessionView
from guahao.store.people.patients import person_index
from guahao.store.supply.sessions import roll_out
from guahao.tools.demo import city, past_records
from guahao.tools.demo import queries as store
from guahao.tools.demo.past import Booking, Past, Place, Session, TimetableLine, draw, registered_on
from guahao.tools.demo.people import NOWHERE, Person, people, phone, resident_id
from guahao.tools.demo.queues import add_queues

Report = Callable[[str, int, int], None]  # what is being made, how many are done, of how many

_BUSY_HOSPITALS = 8  # whose popular departments fill up
_BUSY_DAYS = 8
_BOOKED_SHARE = 0.4  # of the invented people
_CHECKED_OF_TEN = 7  # of the invented people
_STOPPED = 0.03  # of the popular sessions
_BOOKED_WITHIN = timedelta(days=12)
_BOOKED_BEFORE = timedelta(days=3)  # an earlier visit of a demo login
# How likely a popular session is full, or half full.
_FULLNESS = {
    "知名专家": (0.9, 0.1),
    "主任医师": (0.5, 0.3),
    "副主任医师": (0.25, 0.3),
    "主治医师": (0.05, 0.15),
    "普通门诊": (0.02, 0.05),
}
_CHANNELS = ("wechat", "wechat", "web", "phone")


class DemoError(OperatorError):
    """The demo city cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """A patient of a demo login, with what became of earlier visits: (days ago, status)."""

    person: Person
    visits: tuple[tuple[int, str], ...] = ()
    upcoming: int = 0
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A phone to log in with, and what is to be seen there."""

    phone: str
    shows: str
    patients: tuple[DemoPatient, ...]


def _person(name: str, birthday: date, sequence: int) -> Person:
    return Person(name, resident_id(f"{NOWHERE}00", birthday, sequence))


LOGINS = (
    DemoLogin(
        "+8613800000001",
        "two patients; a current booking, an earlier visit and a no-show",
        (
            DemoPatient(
                _person("张示例", date(1985, 5, 1), 1),
                visits=((20, "picked_up"), (12, "no_show")),
                upcoming=1,
            ),
            DemoPatient(_person("李示例", date(2016, 6, 1), 2)),
        ),
    ),
    DemoLogin(
        "+8613800000002",
        "three bookings within seven days: a fourth is refused",
        (DemoPatient(_person("王示例", date(1958, 8, 8), 3), upcoming=3),),
    ),
    DemoLogin(
        "+8613800000003",
        "three no-shows in a year: suspended for three months",
        (DemoPatient(_person("赵示例", date(1999, 9, 9), 4), suspended=True),),
    ),
)


@dataclass(frozen=True, slots=True)
class DemoCity:
    """How much was made."""

    hospitals: int
    departments: int
    timetables: int
    clinic_sessions: int
    patients: int
    appointments: int


_Resident = tuple[Person, date | None, bool]  # the end of a suspension, exclusive; whether checked


class _Directory(NamedTuple):
    """Ids of what was made: hospitals in their order, departments by (hospital, code)."""

    hospital_ids: list[int]
    departments: dict[tuple[int, str], int]
    timetables: int
    places: list[Place]


class _Appointment(NamedTuple):
    """An appointment before it has an id and its code is sealed."""

    patient_id: int
    session_id: int
    hospital_id: int
    department_id: int
    visit_date: date
    status: str
    channel: str
    code: str
    booked_at: datetime
    changed_at: datetime


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def shown(console: Console) -> Iterator[Report]:
    """Yield a Report on the console: bars on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield partial(_line, console)
        return
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield report


def _line(console: Console, stage: str, done: int, total: int) -> None:
    """Print a line a tenth."""
    if done == total or done * 10 // total != (done - 1) * 10 // total:
        console.print(f"{stage}: {done:,} of {total:,}")


async def is_empty(platform: Platform) -> bool:
    """Return whether there is neither a hospital nor a patient yet."""
    async with platform.db.transaction() as tx:
        return await store.is_empty(tx)


async def seed(
    platform: Platform,
    hospitals: int = 146,
    days: int = 90,
    patients: int = 20_000,
    progress: Report = silent,
    past_days: int = 365,
) -> DemoCity:
    """Make the city: all of it or nothing, in one transaction.

    `days`: how far from today its timetables are rolled out. `patients`: invented people
    besides the demo logins. `past_days`: for how long people have booked already; 0: there is
    no past, and no staff. Raises DemoError in production, and where anything is already.
    """
    if not platform.settings.demo:
        raise DemoError("the demo city is not for production (GUAHAO_MODE)")
    hashed = await hashed_password()
    async with platform.db.transaction() as tx:
        if not await store.is_empty(tx):
            raise DemoError("there are hospitals or patients already; the demo city wants none")
        directory = await _add_directory(tx, city.hospitals(hospitals), progress)
        sessions = await _add_sessions(tx, directory.hospital_ids, days, progress)
        since = tx.now.date() - timedelta(days=past_days)
        crowd = await _add_crowd(tx, platform.vault, patients, since, progress)
        past, staff = Past(), None
        if past_days and crowd:
            first = city_time(since, time(8))
            staff = await past_records.add_staff(tx, platform, hashed, first)
            past = await _add_past(tx, platform, directory, len(crowd), since)
            progress("past", len(past.bookings), len(past.bookings))
        appointments = await _add_bookings(tx, platform, directory, crowd, past, staff, progress)
        await store.copy(tx, "announcements", [(*city.announcement(), tx.now)])
        await term_store.add(tx, shipped_terms())
    return DemoCity(
        hospitals,
        len(directory.departments),
        directory.timetables,
        sessions,
        len(crowd) + sum(len(login.patients) for login in LOGINS),
        appointments,
    )


async def _add_directory(tx: Tx, hospitals: list[city.Hospital], progress: Report) -> _Directory:
    ids = await store.take_ids(tx, "hospitals", len(hospitals))
    placed = list(zip(ids, hospitals, strict=True))
    await store.copy(tx, "hospitals", (_hospital_row(id_, one) for id_, one in placed))
    progress("hospitals", len(placed), len(placed))
    departments = await _add_departments(tx, placed)
    places = [
        Place(
            hospital_id,
            hospital.rules,
            [
                TimetableLine(
                    departments[hospital_id, department.code], department.popular, *_clinic(clinic)
                )
                for department in city.departments(hospital)
                for clinic in city.timetable(hospital, department)
            ],
        )
        for hospital_id, hospital in placed
    ]
    lines = [
        (place.hospital_id, line.department_id, *_clinic(line))
        for place in places
        for line in place.lines
    ]
    await store.copy(tx, "hospital_fees", _fees(placed, tx.now.date()))
    await store.copy(tx, "timetables", lines)
    progress("timetables", len(lines), len(lines))
    return _Directory(ids, departments, len(lines), places)


def _clinic(of: city.Clinic | TimetableLine) -> tuple[Any, ...]:
    """Return what a line of a timetable says of its clinic, in the order of the columns."""
    return (
        *(of.title, of.specialty, of.iso_weekday, of.period, of.starts_at, of.ends_at),
        *(of.fee_fen, of.capacity),
    )


def _fees(
    placed: list[tuple[int, city.Hospital]], today: date
) -> Iterator[tuple[int, str, date, int]]:
    """Yield every hospital's list of fees, which holds from today on."""
    for hospital_id, hospital in placed:
        for title, fee_fen in city.fees(hospital).items():
            yield hospital_id, title, today, fee_fen


def _hospital_row(hospital_id: int, hospital: city.Hospital) -> tuple[object, ...]:
    _, *described, rules, _, _ = (getattr(hospital, name) for name in hospital.__slots__)
    keys = search_keys(hospital.name, hospital.district)
    position = city.position(hospital)
    return (hospital_id, keys, *described, *astuple(rules), *position)


async def _add_departments(
    tx: Tx, hospitals: list[tuple[int, city.Hospital]]
) -> dict[tuple[int, str], int]:
    """Add both levels of every hospital's departments; return their ids by hospital and code."""
    names = city.parents()
    offered = [(id_, one) for id_, hospital in hospitals for one in city.departments(hospital)]
    upper = {(id_, one.parent_code): False for id_, one in offered}
    for id_, one in offered:
        upper[id_, one.parent_code] |= one.on_platform
    places = [*upper, *((id_, one.code) for id_, one in offered)]
    ids = dict(zip(places, await store.take_ids(tx, "departments", len(places)), strict=True))
    keys = cache(search_keys)
    first_level = [
        (ids[id_, code], keys(names[code][0]), id_, None, code, *names[code], on_platform)
        for (id_, code), on_platform in upper.items()
    ]
    second_level = [
        (
            *(ids[id_, d.code], keys(d.name), id_, ids[id_, d.parent_code]),
            *(d.code, d.name, d.name_en, d.on_platform),
        )
        for id_, d in offered
    ]
    await store.copy(tx, "departments", [*first_level, *second_level])
    return ids


async def _add_sessions(tx: Tx, hospital_ids: list[int], days: int, progress: Report) -> int:
    today, made = tx.now.date(), 0
    for done, hospital_id in enumerate(hospital_ids, start=1):
        made += len(await roll_out(tx, hospital_id, today, today + timedelta(days=days)))
        progress("rolled out", done, len(hospital_ids))
    return made


async def _add_crowd(tx: Tx, vault: Vault, count: int, since: date, progress: Report) -> list[int]:
    """Add invented people, two to a phone, who registered since then; return their ids."""
    # Seven of ten were checked when they registered.
    crowd: list[_Resident] = [
        (person, None, number % 10 < _CHECKED_OF_TEN) for number, person in enumerate(people(count))
    ]
    homes = [
        (phone(number), crowd[first : first + PATIENTS_PER_PHONE])
        for number, first in enumerate(range(0, count, PATIENTS_PER_PHONE))
    ]
    today = tx.now.date()
    moments = [tx.now] * len(homes)
    if since < today:
        moments = [
            city_time(registered_on(first, count, since, today), time(8, first % 60))
            for first in range(0, count, PATIENTS_PER_PHONE)
        ]
    ids = await _register(tx, vault, homes, [min(moment, tx.now) for moment in moments])
    progress("people", count, count)
    return ids


async def _register(
    tx: Tx, vault: Vault, homes: list[tuple[str, list[_Resident]]], moments: list[datetime]
) -> list[int]:
    """Register persons under phones at these moments; the persons' ids, in the same order."""
    account_ids = await store.take_ids(tx, "accounts", len(homes))
    places = [
        (account_id, at, slot, *resident)
        for account_id, at, (_, residents) in zip(account_ids, moments, homes, strict=True)
        for slot, resident in enumerate(residents, start=1)
    ]
    ids = await store.take_ids(tx, "patients", len(places))
    accounts = (
        (
            *(id_, vault.seal("accounts", "phone", id_, number), vault.index("phone", number)),
            *(at, NOTICE_VERSION),
        )
        for id_, at, (number, _) in zip(account_ids, moments, homes, strict=True)
    )
    await store.copy(tx, "accounts", accounts)
    rows = (
        (
            *(id_, account_id, slot, vault.seal("patients", "name", id_, person.name)),
            *("01", vault.seal("patients", "id_no", id_, person.id_no)),
            *(vault.index("id_no", person.id_no), person_index(vault, person.id_no), suspended),
            *((at, "demo") if checked else (None, None)),
            at,
        )
        for id_, (account_id, at, slot, person, suspended, checked) in zip(ids, places, strict=True)
    )
    await store.copy(tx, "patients", rows)
    consents = (
        (account_id, id_, NOTICE_VERSION, "self", "web", at)
        for id_, (account_id, at, *_) in zip(ids, places, strict=True)
    )
    await store.copy(tx, "consents", consents)
    return ids


async def _add_past(
    tx: Tx, platform: Platform, directory: _Directory, people: int, since: date
) -> Past:
    """Draw what was booked until now; its sessions are written."""
    today, policy = tx.now.date(), platform.policies.known.first
    hospital_ids = directory.hospital_ids[:_BUSY_HOSPITALS]
    places = {place.hospital_id: place for place in directory.places}
    todays = [
        Session(
            places[view.hospital_id],
            TimetableLine(
                *(view.department_id, True, view.title, view.specialty, today.isoweekday()),
                *(view.period, view.starts_at, view.ends_at, view.fee_fen, view.capacity),
            ),
            today,
            view.capacity,
            id=view.id,
        )
        for view in await store.sessions_to_fill(
            tx, hospital_ids, city.popular_codes(), today, today
        )
    ]
    past = draw(directory.places, people, since, tx.now, policy, todays)
    await past_records.add_sessions(tx, past)
    return past


async def _add_bookings(
    tx: Tx,
    platform: Platform,
    directory: _Directory,
    crowd: list[int],
    past: Past,
    staff: past_records.Staff | None,
    progress: Report,
) -> int:
    """Book for the crowd and the demo logins; return how many appointments."""
    today = tx.now.date()
    sessions = await store.sessions_to_fill(
        tx,
        directory.hospital_ids[:_BUSY_HOSPITALS],
        city.popular_codes(),
        today + ONE_DAY,
        today + timedelta(days=_BUSY_DAYS),
    )
    openings = [
        one for one in sessions if _is_available(one, tx.now, platform.policies.known.first)
    ]
    codes = _codes()
    fill = _Filling(tx.now, platform.policies.known.first, codes)
    login_ids = await _add_logins(tx, platform)
    appointments = [_past_appointment(crowd[b.person], b, next(codes)) for b in past.bookings]
    appointments += await _history(tx, directory, login_ids, codes)
    appointments += fill.upcoming(login_ids, openings)
    taken = {one.session_id for one in appointments}
    suspended = {crowd[person]: until for person, until in past.suspended.items()}
    may_book = [id_ for id_ in crowd if suspended.get(id_, today) <= today]
    stopped, booked = fill.crowd(may_book, [one for one in openings if one.id not in taken])
    appointments += booked
    ids = await store.take_ids(tx, "appointments", len(appointments))
    seal, index = platform.vault.seal, platform.vault.index
    live_from = today - timedelta(days=CODE_KEPT_DAYS)
    rows = (
        (
            *(id_, *one[:7], seal("appointments", "code", id_, one.code)),
            *(index("code", one.code), one.visit_date >= live_from, one.booked_at, one.changed_at),
        )
        for id_, one in zip(ids, appointments, strict=True)
    )
    await store.copy(tx, "appointments", rows)
    await store.stop_sessions(tx, stopped)
    await store.count_places(tx)
    await store.suspend(tx, suspended)
    progress("bookings", len(appointments), len(appointments))
    if staff is not None:
        await store.close_day(tx, today)
        told = list(zip(ids[: len(past.bookings)], past.bookings, strict=True))
        written = past_records.Written(told, crowd, staff)
        await past_records.add_what_followed(tx, platform, past, written)
        came: dict[int, list[int]] = {}
        for id_, booking in told:
            if booking.status == "picked_up" and booking.session.visit_date == today:
                assert booking.session.id is not None
                came.setdefault(booking.session.id, []).append(id_)
        await add_queues(tx, came)
        progress("messages", 1, 1)
    return len(appointments)


def _past_appointment(patient_id: int, booking: Booking, code: str) -> _Appointment:
    session = booking.session
    assert session.id is not None
    return _Appointment(
        *(patient_id, session.id, session.place.hospital_id, session.line.department_id),
        *(session.visit_date, booking.status, booking.channel, code),
        *(booking.booked_at, booking.changed_at),
    )


def _is_available(session: SessionView, at: datetime, policy: Policy) -> bool:
    state = session_state(
        session.visit_date, session.remaining, session.stopped, at, session.rules, policy
    )
    return state == "available"


def _codes() -> Iterator[str]:
    """Yield identification codes, each once, from a cryptographic source (S8)."""
    seen: set[str] = set()
    while True:
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        if code not in seen:
            seen.add(code)
            yield code


async def _add_logins(tx: Tx, platform: Platform) -> list[tuple[int, DemoPatient]]:
    """Register the demo logins' patients; each with its id."""
    today = tx.now.date()
    homes = [
        (
            login.phone,
            [
                (
                    one.person,
                    suspended_until(_no_shows(one, today), platform.policies.known.first),
                    True,
                )
                for one in login.patients
            ],
        )
        for login in LOGINS
    ]
    ids = await _register(tx, platform.vault, homes, [tx.now] * len(homes))
    return list(zip(ids, (one for login in LOGINS for one in login.patients), strict=True))


def _no_shows(patient: DemoPatient, today: date) -> list[date]:
    return [day for day, status in _visits(patient, today) if status == "no_show"]


def _visits(patient: DemoPatient, today: date) -> list[tuple[date, str]]:
    """Return earlier visits by date. A suspension's three no-shows lie in a calendar year (S16)."""
    if not patient.suspended:
        return [(today - timedelta(days=ago), status) for ago, status in patient.visits]
    last = today - ONE_DAY
    if (last - 2 * ONE_DAY).year != last.year:
        last = date(last.year - 1, 12, 31)
    return [(last - timedelta(days=ago), "no_show") for ago in range(3)]


async def _history(
    tx: Tx, directory: _Directory, logins: list[tuple[int, DemoPatient]], codes: Iterator[str]
) -> list[_Appointment]:
    """Return the demo logins' earlier visits, in sessions of their own that are long settled."""
    (hospital_id, _), department_id = next(
        (key, id_) for key, id_ in directory.departments.items() if "." in key[1]
    )
    rows = []
    for patient_id, patient in logins:
        for day, status in _visits(patient, tx.now.date()):
            session_id = await store.add_past_session(tx, hospital_id, department_id, day)
            booked_at = city_time(day - _BOOKED_BEFORE, time(9, 30))
            decided_at = city_time(day, time(8, 40) if status == "picked_up" else time(11, 30))
            place = (session_id, hospital_id, department_id, day)
            rows.append(
                _Appointment(
                    *(patient_id, *place, status, "web", next(codes), booked_at, decided_at)
                )
            )
    return rows


class _Filling:
    """Draws who has booked what. Every person of the crowd is drawn at most once, so that no
    limit can be passed; the same draws for the same city and day, but for the codes."""

    def __init__(self, now: datetime, policy: Policy, codes: Iterator[str]) -> None:
        self._now = now
        self._policy = policy
        self._codes = codes
        self._random = Random("bookings")

    def upcoming(
        self, logins: list[tuple[int, DemoPatient]], openings: list[SessionView]
    ) -> list[_Appointment]:
        """Return the demo logins' bookings: one a date, from the day after tomorrow on."""
        tomorrow = self._now.date() + ONE_DAY
        by_date = {
            one.visit_date: one
            for one in openings
            if one.visit_date > tomorrow and one.capacity > len(logins)
        }
        return [
            self._booked(patient_id, session)
            for patient_id, patient in logins
            for session in islice(by_date.values(), patient.upcoming)
        ]

    def crowd(
        self, patient_ids: list[int], openings: list[SessionView]
    ) -> tuple[list[int], list[_Appointment]]:
        """Return the stopped sessions, and everybody's bookings, the earliest dates first."""
        waiting = self._random.sample(patient_ids, int(len(patient_ids) * _BOOKED_SHARE))
        stopped, made = [], []
        for session in openings:
            places = min(self._places(session), len(waiting))
            status = "stopped" if self._random.random() < _STOPPED else "booked"
            if status == "stopped":
                stopped.append(session.id)
            made += [self._booked(waiting.pop(), session, status) for _ in range(places)]
        return stopped, made

    def _places(self, session: SessionView) -> int:
        full, half = _FULLNESS[session.title]
        drawn = self._random.random()
        if drawn < full:
            return session.capacity
        return session.capacity // 2 if drawn < full + half else 0

    def _booked(
        self, patient_id: int, session: SessionView, status: str = "booked"
    ) -> _Appointment:
        """Return a booking made at a moment at which it could be, within the last days."""
        opened = opens_at(session.visit_date, session.rules, self._policy)
        since = max(opened, self._now - _BOOKED_WITHIN)
        booked_at = since + (self._now - since) * self._random.random()
        place = (session.id, session.hospital_id, session.department_id, session.visit_date)
        changed_at = booked_at if status == "booked" else self._now
        channel = self._random.choice(_CHANNELS)
        return _Appointment(
            patient_id, *place, status, channel, next(self._codes), booked_at, changed_at
        )
