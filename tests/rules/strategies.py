"""What Hypothesis draws: mostly the owner's numbers and dates near the edges of the law."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st
from tests.rules.helpers import AGENT, OWNER, STRANGER, Ledger, patient
from tests.rules.oracle import last_open

from guahao.rules.kernel.facts import BookingRequest, CountedAppointment, PatientFacts, SessionFacts
from guahao.rules.kernel.limits import CITY_TIME, RENOWNED_SPECIALIST, HospitalRules, Policy

LAST_MOMENT = time(23, 59, 59, 999999)

# Two years, the second a leap year; the ends of months often.
dates = st.dates(date(2026, 11, 1), date(2028, 12, 31)) | st.builds(
    lambda first, back: first - timedelta(days=back),
    st.dates(date(2026, 11, 1), date(2028, 12, 31)).map(lambda d: d.replace(day=1)),
    st.integers(-1, 3),
)
clocks = st.sampled_from(
    [time(0), time(7, 59, 59, 999999), time(8), time(14, 59, 59, 999999), time(15), LAST_MOMENT]
)
# Within the half minute after a release: at 00:00, 08:00, 15:00 or just before midnight.
just_after = st.builds(
    lambda hour, second: time(hour, 0, second),
    st.sampled_from([0, 8, 15]),
    st.integers(0, 31),
)
moments = st.builds(lambda d, c: datetime.combine(d, c, CITY_TIME), dates, clocks)


def number(default: int, low: int, high: int) -> st.SearchStrategy[int]:
    """Any number a policy file may name, the owner's most often."""
    return st.sampled_from([default] * 4 + list(range(low, high + 1)))


policies = st.just(Policy()) | st.builds(
    Policy,
    horizon_months=number(3, 0, 7),
    per_department_and_day=number(1, 0, 3),
    per_day=number(2, 0, 4),
    per_short_window=number(3, 0, 6),
    short_window_days=number(7, 1, 15),
    per_long_window=number(5, 0, 9),
    long_window_months=number(3, 1, 6),
    first_suspension_no_shows=number(3, 0, 7),
    first_suspension_months=number(3, 0, 7),
    second_suspension_no_shows=number(6, 0, 9),
    second_suspension_months=number(6, 0, 14),
    unchecked_live_bookings=number(1, 0, 3),
    unchecked_may_book_experts=st.booleans(),
    personal_release=st.booleans(),
)
hospital_rules = st.just(HospitalRules()) | st.builds(
    HospitalRules,
    cycle_days=st.none() | st.none() | st.integers(1, 92) | st.integers(0, 100),
    release_time=clocks,
    next_day_stop_time=st.just(time(15)) | clocks,
    checked_only=st.sampled_from([False] * 4 + [True]),
)


@st.composite
def visit_dates(draw: st.DrawFn, today: date, rules: HospitalRules, policy: Policy) -> date:
    """Near today, near the furthest date, or anywhere about."""
    edge = (last_open(today, rules, policy) - today).days
    about = draw(st.integers(-1, 9) | st.integers(-1, 100) | st.integers(edge - 1, edge + 2))
    return today + timedelta(days=about)


@dataclass(frozen=True)
class World:
    """Sessions and patients as they stand, and what is then asked of them."""

    sessions: tuple[SessionFacts, ...]
    patients: tuple[PatientFacts, ...]
    policy: Policy
    requests: tuple[BookingRequest, ...]
    checks_names: bool = False

    def ledger(self) -> Ledger:
        """Fresh records of this world."""
        return Ledger(self.sessions, self.patients, self.policy, checks_names=self.checks_names)


@st.composite
def sessions(draw: st.DrawFn, number: int, today: date, policy: Policy) -> SessionFacts:
    """A session of one of two hospitals with two departments each, small, perhaps stopped."""
    rules = draw(hospital_rules)
    hospital = draw(st.integers(1, 2))
    capacity = draw(st.integers(0, 3) | st.just(20))
    booked = draw(st.integers(0, min(capacity, 2)))
    held = draw(st.just(0) | st.integers(0, capacity - booked))
    reserved = draw(st.just(0) | st.integers(0, capacity - booked - held))
    return SessionFacts(
        number,
        hospital,
        10 * hospital + draw(st.integers(1, 2)),
        draw(visit_dates(today, rules, policy)),
        "morning",
        capacity,
        booked=booked,
        stopped=draw(st.sampled_from([False] * 14 + [True])),
        rules=rules,
        title=draw(st.sampled_from(["主任医师"] * 3 + [RENOWNED_SPECIALIST])),
        held=held,
        reserved=reserved,
        draw_at=datetime.combine(today, time(12), CITY_TIME) if held else None,
    )


@st.composite
def appointments(draw: st.DrawFn, today: date) -> CountedAppointment:
    """A counted appointment, of the past or to come."""
    hospital = draw(st.integers(1, 3))
    visit_date = today + timedelta(days=draw(st.integers(-100, 100) | st.integers(-6, 12)))
    department = 10 * hospital + draw(st.integers(1, 2))
    return CountedAppointment(visit_date, hospital, department, is_live=draw(st.booleans()))


@st.composite
def persons(draw: st.DrawFn, number: int, today: date) -> PatientFacts:
    """A patient of the owner's, of nobody's or a stranger's account, seldom suspended."""
    until = st.integers(-2, 40).map(lambda days: today + timedelta(days=days))
    return PatientFacts(
        number,
        account_id=draw(st.sampled_from([OWNER.id] * 8 + [STRANGER.id, None])),
        suspended_until=draw(st.none() | st.none() | st.none() | until),
        counted=tuple(draw(st.lists(appointments(today), max_size=6))),
        is_checked=draw(st.sampled_from([True] * 3 + [False])),
        # Now and then two registrations of the same person.
        person=draw(st.sampled_from([f"person {number}".encode()] * 5 + [b"somebody"])),
    )


def known_or_not(ids: int) -> st.SearchStrategy[int]:
    """An id, now and then one that names nothing."""
    return st.sampled_from([*range(1, ids + 1)] * 9 + [ids + 1])


@st.composite
def booking_requests(
    draw: st.DrawFn, today: date, session_ids: int, person_ids: int
) -> BookingRequest:
    """A request of today or the next two days; keys meet, and some ids name nothing."""
    at = datetime.combine(
        today + timedelta(days=draw(st.integers(0, 2))), draw(clocks | just_after), CITY_TIME
    )
    return BookingRequest(
        actor=draw(st.sampled_from([OWNER] * 5 + [AGENT] * 2 + [STRANGER])),
        key=draw(st.sampled_from("abcdefghij")),
        patient_id=draw(known_or_not(person_ids)),
        session_id=draw(known_or_not(session_ids)),
        channel="api",
        at=at,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Anything at all, under any policy."""
    today, policy = draw(dates), draw(policies)
    session_ids, person_ids = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    request = booking_requests(today, session_ids, person_ids)
    return World(
        tuple(draw(sessions(number, today, policy)) for number in range(1, session_ids + 1)),
        tuple(draw(persons(number, today)) for number in range(1, person_ids + 1)),
        policy,
        tuple(draw(st.lists(request, min_size=1, max_size=14))),
        draw(st.booleans()),
    )


@st.composite
def rushes(draw: st.DrawFn) -> World:
    """One or two patients who try for everything there is, each with a key of its own."""
    today = draw(dates)
    at = datetime.combine(today, time(10), CITY_TIME)
    near = draw(st.integers(2, 85))
    ahead = st.integers(near, near + 12) | st.integers(2, 90)
    session_ids = range(1, draw(st.integers(4, 16)) + 1)
    places = [(number, 1 + number % 3, today + timedelta(draw(ahead))) for number in session_ids]
    wanted = draw(st.permutations([(p, s) for p in (1, 2) for s in session_ids]))
    return World(
        tuple(
            SessionFacts(number, hospital, hospital, visit, "morning", 2, 0, False, HospitalRules())
            for number, hospital, visit in places
        ),
        (patient(1), patient(2)),
        draw(policies),
        tuple(BookingRequest(OWNER, f"{p}-{s}", p, s, "api", at) for p, s in wanted),
    )
