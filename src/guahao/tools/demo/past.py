"""Draw the city's past: a year of bookings and what became of them, in memory.

Everything follows from the seed, the city and the day. Nobody books more than the law allows:
a person's visits lie a week apart, at most four in any three months, and none is booked while
suspended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from guahao.rules.attendance.penalties import suspended_until
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules, Policy
from guahao.rules.supply.releasing import city_time, opens_at

_SEED = "past"
_BOOKINGS_A_YEAR = 4.5  # for each person of the crowd
_REGISTERED_AT_FIRST = 0.35  # of the persons; the others register in the course of the past
_CHECKED_OF_TEN = 7  # of the persons; who has been seen at a window is checked
_GAP_DAYS = 7  # between two visits of a person
_MOST_IN_WINDOW, _WINDOW_DAYS = 4, 93  # one less than the law allows, for a booking to come
_MOST_A_SESSION = 12  # places that the platform had
_MISSES = 50  # lines in a row that give nothing: the day is full
_TRIES = 6  # to find a person who may still book

_WEEKDAYS = (0, 1.25, 1.1, 1.0, 0.95, 0.9, 0.5, 0.15)
_MONTHS = (0, 1.2, 0.8, 1.15, 1.0, 0.95, 0.9, 0.95, 0.9, 1.0, 0.9, 1.1, 1.25)
_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (5, 3), *((10, day) for day in range(1, 8))}
_HOLIDAY = 0.2
_FULLNESS = {
    "知名专家": 1.0,
    "主任医师": 0.85,
    "副主任医师": 0.7,
    "主治医师": 0.55,
    "普通门诊": 0.4,
}
_HOT = 0.9  # from this fullness on, a session is gone within the hour of its release
_CHANNELS = ("wechat",) * 11 + ("web",) * 6 + ("phone",) * 2 + ("api",)
_BEGINS = {"morning": time(7, 40), "afternoon": time(13), "evening": time(17)}

_STOPPED = 0.012  # of the sessions
_CANCELLED = 0.08  # of the bookings
_NO_SHOW = 0.035  # of the bookings of most persons
_UNRELIABLE = 97  # every so many persons; they miss many of their visits, and come often
_UNRELIABLE_DRAWN = 0.06
_UNRELIABLE_NO_SHOW = 0.4
_UNREPORTED = 0.015  # of a hospital's days
_FIRST_UNREPORTED_AGO = (3, 11)  # days of the first hospital, whose clerk the demo has
_EXCUSED = 0.1  # of the no-shows
_STOP_REASONS = ("医生外出会诊", "医生病休", "科室学术会议", "设备检修", "门诊调整")


@dataclass(frozen=True, slots=True)
class TimetableLine:
    """A line of a weekly timetable, from which a session of the past is made."""

    department_id: int
    popular: bool
    title: str
    specialty: str
    iso_weekday: int
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Place:
    """A hospital as the past needs it."""

    hospital_id: int
    rules: HospitalRules
    lines: Sequence[TimetableLine]


@dataclass(slots=True)
class Session:
    """A session; `id` is given where it is there already."""

    place: Place
    line: TimetableLine
    visit_date: date
    capacity: int
    booked: int = 0
    stopped_at: datetime | None = None
    stop_reason: str = ""
    attendance_known: bool = True
    id: int | None = None


class Booking(NamedTuple):
    """A booking; `person`: by number in the crowd. `excused_at`: of a no-show, if it was."""

    session: Session
    person: int
    status: str
    channel: str
    booked_at: datetime
    changed_at: datetime
    excused_at: datetime | None


@dataclass(slots=True)
class Past:
    """What was drawn. `suspended`: until when, by person, also where that is over."""

    sessions: list[Session] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    suspended: dict[int, date] = field(default_factory=dict)


def registered_on(number: int, people: int, first: date, today: date) -> date:
    """Return the day on which a person of the crowd registered."""
    later = max(0.0, (number / people - _REGISTERED_AT_FIRST) / (1 - _REGISTERED_AT_FIRST))
    return first + timedelta(days=int(later * (today - first).days))


class Drawing:
    """Draws day after day; remembers each person's visits and no-shows on the way."""

    def __init__(
        self, places: Sequence[Place], people: int, first: date, now: datetime, policy: Policy
    ) -> None:
        self.past = Past()
        self._random = Random(_SEED)
        self._first = first
        self._now = now
        self._policy = policy
        self._people = people
        self._registered = [
            registered_on(number, people, first, now.date()).toordinal() for number in range(people)
        ]
        self._visits: list[list[int]] = [[] for _ in range(people)]
        self._no_shows: dict[int, list[date]] = {}
        self._spans: dict[int, list[tuple[int, int]]] = {}
        # The first hospitals are the largest, and each later one a little smaller.
        self._weights = list(accumulate(1 / (rank + 4) for rank in range(len(places))))
        self._by_weekday = [
            (
                place,
                {
                    weekday: [
                        line
                        for line in place.lines
                        if line.iso_weekday == weekday
                        for _ in range(3 if line.popular else 1)
                    ]
                    for weekday in range(1, 8)
                },
            )
            for place in places
        ]

    def days_before(self, today: date) -> None:
        """Draw every day from the first until yesterday."""
        days = (today - self._first).days
        for number in range(days):
            day = self._first + timedelta(days=number)
            grown = _REGISTERED_AT_FIRST + (1 - _REGISTERED_AT_FIRST) * number / days
            weight = _WEEKDAYS[day.isoweekday()] * _MONTHS[day.month] * grown
            if (day.month, day.day) in _HOLIDAYS:
                weight *= _HOLIDAY
            self._day(day, round(self._people * _BOOKINGS_A_YEAR / 365 * 1.5 * weight))

    def today(self, sessions: Sequence[Session], most: int) -> None:
        """Fill sessions of today, which some of their patients have come to already."""
        for session in sessions:
            if most <= 0:
                break
            most -= self._fill(session, min(session.capacity, _MOST_A_SESSION))
            self.past.sessions.append(session)

    def _day(self, day: date, wanted: int) -> None:
        random, used, misses = self._random, set[int](), 0
        unreported: dict[int, bool] = {}
        while wanted > 0 and misses < _MISSES:
            place, lines = random.choices(self._by_weekday, cum_weights=self._weights)[0]
            open_lines = lines[day.isoweekday()]
            line = random.choice(open_lines) if open_lines else None
            if line is None or id(line) in used:
                misses += 1
                continue
            used.add(id(line))
            if place.hospital_id not in unreported:
                ago = (self._now.date() - day).days
                unreported[place.hospital_id] = random.random() < _UNREPORTED or (
                    place is self._by_weekday[0][0] and ago in _FIRST_UNREPORTED_AGO
                )
            capacity = min(line.capacity, _MOST_A_SESSION)
            session = Session(place, line, day, capacity)
            session.attendance_known = not unreported[place.hospital_id]
            made = self._fill(session, capacity)
            misses = 0 if made else misses + 1
            wanted -= made
            self.past.sessions.append(session)

    def _fill(self, session: Session, capacity: int) -> int:
        """Book a session as full as such ones get; how many bookings were made."""
        random, line, day = self._random, session.line, session.visit_date
        opens = opens_at(day, session.place.rules, self._policy)
        opens = max(opens, city_time(self._first, time(8)))
        closes = city_time(day - ONE_DAY, session.place.rules.next_day_stop_time)
        span = (closes - opens).total_seconds() - 120
        if span <= 0:
            return 0
        fullness = _FULLNESS.get(line.title, 0.5) * (1.15 if line.popular else 0.8)
        taken = min(1.0, max(0.0, random.gauss(fullness, 0.2)))
        places = round(capacity * taken)
        hot = line.popular and taken >= _HOT
        if random.random() < _STOPPED and session.id is None:
            self._stop(session, opens)
        moments = sorted(self._moment(opens, span, hot=hot) for _ in range(places))
        made = 0
        for booked_at in moments:
            if session.stopped_at is not None and booked_at >= session.stopped_at:
                break
            made += self._book(session, booked_at)
        return made

    def _stop(self, session: Session, opens: datetime) -> None:
        day = session.visit_date - self._random.choice((1, 1, 1, 2, 3)) * ONE_DAY
        at = city_time(day, time(self._random.randint(8, 17), self._random.randrange(60)))
        if at > opens:
            session.stopped_at = at
            session.stop_reason = self._random.choice(_STOP_REASONS)

    def _moment(self, opens: datetime, span: float, *, hot: bool) -> datetime:
        """Return when somebody books: soon after the release, or by day within the open days."""
        random = self._random
        if hot:
            after = random.expovariate(1 / 900)
            return opens + timedelta(seconds=int(min(after, span)))
        seconds = span * (1 - random.random() ** 2)
        moment = opens + timedelta(seconds=int(seconds))
        by_day = moment.replace(hour=int(random.triangular(7, 22, 10)))
        return by_day if opens <= by_day <= opens + timedelta(seconds=span) else moment

    def _book(self, session: Session, booked_at: datetime) -> int:
        """Book a place for somebody who may; how many places that took."""
        random = self._random
        person = self._person(session.visit_date.toordinal(), booked_at.date().toordinal())
        if person is None:
            return 0
        channel = random.choice(_CHANNELS)
        status, changed_at = self._outcome(session, person, booked_at)
        excused_at = None
        if status in ("picked_up", "no_show", "unverified", "booked"):
            session.booked += 1
            self._visits[person].append(session.visit_date.toordinal())
        if status == "no_show":
            excused_at = self._excuse(session.visit_date)
            if excused_at is None:
                self._miss(person, session.visit_date)
        self.past.bookings.append(
            Booking(session, person, status, channel, booked_at, changed_at, excused_at)
        )
        return 1

    def _person(self, visit: int, booked: int) -> int | None:
        random = self._random
        for _ in range(_TRIES):
            person = int(self._people * random.random())
            if random.random() < _UNRELIABLE_DRAWN:
                person -= person % _UNRELIABLE
            if person % 10 >= _CHECKED_OF_TEN or self._registered[person] >= booked:
                continue
            visits = self._visits[person]
            if visits and visits[-1] > visit - _GAP_DAYS:
                continue
            if len(visits) >= _MOST_IN_WINDOW and visits[-_MOST_IN_WINDOW] > visit - _WINDOW_DAYS:
                continue
            if any(start <= booked < end for start, end in self._spans.get(person, ())):
                continue
            return person
        return None

    def _outcome(self, session: Session, person: int, booked_at: datetime) -> tuple[str, datetime]:
        random, day, rules = self._random, session.visit_date, session.place.rules
        if session.stopped_at is not None:
            return "stopped", session.stopped_at
        last = min(cancel_deadline(day, rules), self._now) - timedelta(minutes=1)
        if last > booked_at and random.random() < _CANCELLED:
            return "cancelled", booked_at + (last - booked_at) * random.random()
        begins = city_time(day, _BEGINS[session.line.period])
        until = pickup_deadline(day, session.line.period, rules)
        came_at = begins + (until - begins) * random.random() ** 1.5
        if day == self._now.date():
            return ("picked_up", came_at) if came_at <= self._now else ("booked", booked_at)
        voided_at = until + timedelta(minutes=random.randint(1, 30))
        if not session.attendance_known:
            return "unverified", voided_at
        unreliable = person % _UNRELIABLE == 0
        if random.random() < (_UNRELIABLE_NO_SHOW if unreliable else _NO_SHOW):
            return "no_show", voided_at
        return "picked_up", came_at

    def _excuse(self, day: date) -> datetime | None:
        later = day + self._random.randint(1, 4) * ONE_DAY
        at = city_time(later, time(self._random.randint(9, 17), self._random.randrange(60)))
        return at if self._random.random() < _EXCUSED and at < self._now else None

    def _miss(self, person: int, day: date) -> None:
        missed = self._no_shows.setdefault(person, [])
        missed.append(day)
        until = suspended_until(missed, self._policy)
        if until is not None and self.past.suspended.get(person) != until:
            self.past.suspended[person] = until
            self._spans.setdefault(person, []).append((day.toordinal(), until.toordinal()))


def draw(
    places: Sequence[Place],
    people: int,
    first: date,
    now: datetime,
    policy: Policy,
    todays: Sequence[Session],
) -> Past:
    """Draw the past of a crowd of `people`, from `first` until now; `todays` are filled too."""
    drawing = Drawing(places, people, first, now, policy)
    drawing.days_before(now.date())
    drawing.today(todays, people // 50)
    return drawing.past
