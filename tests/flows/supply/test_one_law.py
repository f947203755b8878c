"""One law for every way in: making or changing the same session has the same outcome.

Of a change, form, one call of the hospital's system, its whole list, an imported file, a
timetable's change and the fee list each get every case; of a new session, form, list, file, a new
timetable and the copy of a week. What is stored afterwards tells whether one of them decided for
itself (docs/decisions/0036).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.supply import Rows

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import fees, own_sessions, timetables
from guahao.flows.supply.bulk import acts, weekly
from guahao.flows.supply.bulk.acts import CopyPlan
from guahao.flows.supply.bulk.weekly import Added, WeeklyPlan
from guahao.flows.supply.feeding import WantedSession, publish_sessions
from guahao.flows.supply.following import Following
from guahao.flows.supply.imports import importing
from guahao.flows.supply.imports.importing import ImportReport
from guahao.flows.supply.own_sessions import PlacesResult
from guahao.flows.supply.timetables import AddedSession, SessionChange
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.bulk import BulkRefusal, CopyFate
from guahao.rules.supply.changes import (
    PLANNED_DAYS,
    Clinic,
    SessionRefusal,
    SessionRefused,
    UpsertResult,
)
from guahao.rules.supply.fees import DatedFee
from guahao.rules.supply.planning import FOR_EVER, PlanRefusal
from guahao.web.hospital_api.sessions import HospitalSessionItemIn
from guahao.web.http.reading import invalid

TODAY = date(2026, 11, 30)  # a Monday
DAY = TODAY + timedelta(days=3)
CLINIC = Clinic("普通门诊", "", "morning", time(8), time(10), 5000, 20)
CHANGED, UNCHANGED = UpsertResult.CHANGED, UpsertResult.UNCHANGED
TOLD, BELOW_BOOKED = SessionRefusal.TOLD, SessionRefusal.BELOW_BOOKED
STOPPED, PAST = SessionRefusal.STOPPED, SessionRefusal.PAST


@dataclass(frozen=True)
class Case:
    """A session, what is asked of it, and what the law says."""

    outcome: UpsertResult | SessionRefusal
    capacity: int = 20
    fee_fen: int = 5000
    day: date = DAY
    booked: int = 0
    offered: int = 0
    cancelled: int = 0
    stopped: bool = False
    starts_at: time = time(8)
    ends_at: time = time(10)


# In descending precedence of the reasons.
CASES = {
    "stopped, the same": Case(UNCHANGED, stopped=True),
    "stopped": Case(STOPPED, capacity=3, stopped=True),
    "stopped and past": Case(STOPPED, capacity=3, stopped=True, day=TODAY - timedelta(days=1)),
    "past": Case(PAST, capacity=3, day=TODAY - timedelta(days=1)),
    "past, booked, all of it": Case(
        PAST, capacity=1, fee_fen=6000, booked=2, day=TODAY - timedelta(days=1)
    ),
    "booked, fee and too few places": Case(TOLD, capacity=1, fee_fen=6000, booked=2),
    "booked, fee": Case(TOLD, fee_fen=6000, booked=2),
    "booked, too few places": Case(BELOW_BOOKED, capacity=1, booked=2),
    "booked, as many places": Case(CHANGED, capacity=2, booked=2),
    "offered, fee": Case(TOLD, fee_fen=6000, offered=1),
    "offered, too few places": Case(BELOW_BOOKED, capacity=2, booked=1, offered=2),
    "offered, as many places": Case(CHANGED, capacity=3, booked=1, offered=2),
    "today, booked, too few places": Case(BELOW_BOOKED, capacity=1, booked=2, day=TODAY),
    "today": Case(CHANGED, capacity=3, day=TODAY),
    "tomorrow": Case(CHANGED, capacity=3, fee_fen=6000, day=TODAY + timedelta(days=1)),
    "booked once and cancelled": Case(CHANGED, capacity=3, fee_fen=6000, cancelled=1),
    "never booked": Case(CHANGED, capacity=0, fee_fen=6000),
    # What is stored keeps hours that no new session gets.
    "old hours, the same": Case(UNCHANGED, starts_at=time(15), ends_at=time(16)),
    "old hours": Case(CHANGED, capacity=3, fee_fen=6000, starts_at=time(15), ends_at=time(16)),
    "old hours, booked, fee": Case(
        TOLD, fee_fen=6000, booked=2, starts_at=time(15), ends_at=time(16)
    ),
}


@dataclass(frozen=True)
class Place:
    """Where the session of a case is."""

    platform: Platform
    rows: Rows
    by: Staff
    session_id: int
    timetable_id: int


Outcome = UpsertResult | SessionRefusal | None
Way = Callable[[Place, Case], Awaitable[Outcome]]


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


def place(platform: Platform, rows: Rows, case: Case, way: Way) -> Place:
    hospital_id = rows.hospital()
    parent_id = rows.department(hospital_id)
    department_id = rows.department(
        hospital_id, name="心内科", parent_id=parent_id, external_id="D1"
    )
    own: dict[str, Any] = {
        "title": "普通门诊",
        "starts_at": case.starts_at,
        "ends_at": case.ends_at,
    }
    is_fed = way in (by_one_call, by_the_whole_list)
    timetable_id = rows.timetable(
        *(hospital_id, department_id),
        iso_weekday=case.day.isoweekday(),
        valid_from=TODAY - timedelta(days=30),
        **own,
    )
    session_id = rows.session(
        *(hospital_id, department_id, case.day),
        external_id="S1" if is_fed else None,
        timetable_id=timetable_id if way is by_a_timetables_change else None,
        **own,
    )
    for _ in range(case.booked):
        rows.appointment(rows.patient(), session_id)
    for _ in range(case.offered):
        rows.offer(rows.patient(), session_id)
    for _ in range(case.cancelled):
        rows.appointment(rows.patient(), session_id, "cancelled")
    if case.stopped:
        rows.conn.execute(
            "UPDATE clinic_sessions SET stopped_at = now() WHERE id = %s", (session_id,)
        )
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    return Place(platform, rows, by, session_id, timetable_id)


def reason(outcome: object) -> Outcome:
    if isinstance(outcome, SessionRefused):
        return outcome.reason
    assert isinstance(outcome, SessionChange | PlacesResult)
    return CHANGED if outcome.changed else UNCHANGED


async def by_form(at: Place, case: Case) -> Outcome:
    return reason(
        await timetables.change_session(
            at.platform, at.by, at.session_id, case.capacity, case.fee_fen
        )
    )


async def by_one_call(at: Place, case: Case) -> Outcome:
    return reason(await own_sessions.change_places(at.platform, at.by, "S1", case.capacity))


async def by_the_whole_list(at: Place, case: Case) -> Outcome:
    item = WantedSession(
        *("S1", "D1", "普通门诊", "", case.day, "morning", case.starts_at, case.ends_at),
        *(case.fee_fen, case.capacity),
    )
    [outcome] = await publish_sessions(at.platform, at.by, [item])
    what = outcome.what
    assert isinstance(what, UpsertResult | SessionRefused)
    return what.reason if isinstance(what, SessionRefused) else what


WORDS = {
    "outside_period": SessionRefusal.OUTSIDE_PERIOD,
    "session_stopped": STOPPED,
    "date_past": PAST,
    "date_today": PAST,
    "fee_is_told": TOLD,
    "below_booked": BELOW_BOOKED,
}


async def imported(platform: Platform, by: Staff, text: str) -> ImportReport:
    """Import a file as far as it can be; return what its check found."""
    import_id = await importing.receive(platform, by, "x.csv", text.encode())
    assert isinstance(import_id, int)
    await importing.carry_out(platform, import_id)
    report = await importing.report(platform, by.own_hospital_id, import_id)
    assert report is not None
    if not report.faults:
        await importing.confirm(platform, by, import_id)
        await importing.carry_out(platform, import_id)
    return report


async def by_import(at: Place, case: Case) -> Outcome:
    text = (
        "科室,职称,就诊日期,时段,开始时间,结束时间,费用,号源数\n"
        f"心内科,普通门诊,{case.day},上午,{case.starts_at:%H:%M},{case.ends_at:%H:%M},"
        f"{case.fee_fen // 100},{case.capacity}\n"
    )
    report = await imported(at.platform, at.by, text)
    if report.faults:
        found = [WORDS[fault.word] for fault in report.faults]
        return min(found, key=[*SessionRefusal].index)
    return CHANGED if report.changes_something else UNCHANGED


async def by_a_timetables_change(at: Place, case: Case) -> Outcome:
    clinic = replace(
        CLINIC,
        starts_at=case.starts_at,
        ends_at=case.ends_at,
        capacity=case.capacity,
        fee_fen=case.fee_fen,
    )
    assert isinstance(
        await timetables.change(at.platform, at.by, at.timetable_id, clinic), Following
    )
    return None


async def by_the_fee_list(at: Place, case: Case) -> Outcome:
    listed = await fees.fee_list(at.platform, at.by)
    day = TODAY + timedelta(days=1)
    await fees.change(
        at.platform, at.by, listed.version, DatedFee("普通门诊", day, 5000), to_sessions=True
    )
    listed = await fees.fee_list(at.platform, at.by)
    fee = DatedFee("普通门诊", day + timedelta(days=case.day > day), case.fee_fen)
    await fees.change(at.platform, at.by, listed.version, fee, to_sessions=True)
    return None


def stored(at: Place) -> tuple[int, int]:
    found: tuple[int, int] = at.rows.all(
        f"SELECT capacity, fee_fen FROM clinic_sessions WHERE id = {at.session_id}"
    )[0]
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("way", [by_form, by_the_whole_list, by_import])
async def test_form_list_and_file_get_the_laws_answer(
    platform: Platform, rows: Rows, way: Way, name: str
) -> None:
    case = CASES[name]
    at = place(platform, rows, case, way)
    assert await way(at, case) is case.outcome
    wanted = (case.capacity, case.fee_fen)
    assert stored(at) == (wanted if case.outcome is CHANGED else (20, 5000))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.fee_fen == 5000])
async def test_one_call_for_the_places_gets_the_laws_answer(
    platform: Platform, rows: Rows, name: str
) -> None:
    case = CASES[name]
    at = place(platform, rows, case, by_one_call)
    assert await by_one_call(at, case) is case.outcome
    assert stored(at) == (case.capacity if case.outcome is CHANGED else 20, 5000)


@pytest.mark.parametrize("name", CASES)
async def test_a_timetables_session_takes_over_what_the_law_lets_it(
    platform: Platform, rows: Rows, name: str
) -> None:
    case = CASES[name]
    at = place(platform, rows, case, by_a_timetables_change)
    await by_a_timetables_change(at, case)
    # A timetable's change holds from tomorrow on.
    is_reached = case.day > TODAY and not case.stopped
    promised = case.booked + case.offered
    fee_fen = 5000 if promised else case.fee_fen
    taken_over = (max(case.capacity, promised), fee_fen)
    assert stored(at) == (taken_over if is_reached else (20, 5000))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.fee_fen != 5000])
async def test_the_fee_list_reaches_what_the_law_lets_it(
    platform: Platform, rows: Rows, name: str
) -> None:
    case = CASES[name]
    at = place(platform, rows, case, by_the_fee_list)
    await by_the_fee_list(at, case)
    assert stored(at) == (20, case.fee_fen if case.outcome is CHANGED else 5000)


async def test_a_timetable_that_ends_earlier_by_a_file_opens_no_closed_session_again(
    platform: Platform, rows: Rows
) -> None:
    case = Case(CHANGED, day=DAY, booked=2)
    at = place(platform, rows, case, by_a_timetables_change)
    head = "科室,职称,星期,开始日期,结束日期,时段,开始时间,结束时间,费用,号源数\n"
    first = TODAY - timedelta(days=30)
    row = f"心内科,普通门诊,周四,{first},{DAY - timedelta(days=1)},上午,08:00,10:00,50,30\n"
    import_id = await importing.receive(platform, at.by, "x.csv", (head + row).encode())
    assert isinstance(import_id, int)
    await importing.carry_out(platform, import_id)
    assert await importing.confirm(platform, at.by, import_id) == DONE
    await importing.carry_out(platform, import_id)
    assert stored(at) == (2, 5000)
    [[until]] = rows.all(f"SELECT valid_until FROM timetables WHERE id = {at.timetable_id}")
    assert until == DAY - timedelta(days=1) != FOR_EVER


# Making -------------------------------------------------------------------------------------


class Made(StrEnum):
    """What becomes of a session that is to be made, in order of precedence."""

    HOURS = "hours"
    OUTSIDE_PERIOD = "outside its period"
    TITLE = "title"
    PAST = "past"
    TOO_FAR = "too far"
    PLACES = "places"
    FEE = "fee"
    CREATED = "created"


@dataclass(frozen=True)
class New:
    """A session that is to be made, and what the law says."""

    outcome: Made
    starts_at: time | None = time(8)
    ends_at: time | None = time(10)
    period: str = "morning"
    title: str = "普通门诊"
    day: date = DAY
    capacity: int = 20
    fee_fen: int = 5000

    @property
    def clinic(self) -> Clinic:
        return Clinic(
            *(self.title, "", self.period, self.starts_at, self.ends_at),
            *(self.fee_fen, self.capacity),
        )


NO_TITLE = "神医"
FAR = TODAY + timedelta(days=PLANNED_DAYS)
# In descending precedence of the reasons.
NEW = {
    "end without start, title": New(Made.HOURS, starts_at=None, title=NO_TITLE),
    "end without start": New(Made.HOURS, starts_at=None),
    "end before start, outside its period": New(Made.HOURS, time(15), time(14)),
    "end before start": New(Made.HOURS, time(9), time(8)),
    "end at the start": New(Made.HOURS, time(9), time(9)),
    "outside its period, title, today": New(
        Made.OUTSIDE_PERIOD, time(15), time(16), title=NO_TITLE, day=TODAY
    ),
    "outside its period": New(Made.OUTSIDE_PERIOD, time(15), time(16)),
    "outside its period, no end": New(Made.OUTSIDE_PERIOD, time(15), None),
    "an afternoon in the morning": New(Made.OUTSIDE_PERIOD, period="afternoon"),
    "title, today": New(Made.TITLE, title=NO_TITLE, day=TODAY),
    "title": New(Made.TITLE, title=NO_TITLE),
    "past": New(Made.PAST, day=TODAY - timedelta(days=1)),
    "today": New(Made.PAST, day=TODAY),
    "too far": New(Made.TOO_FAR, day=FAR + timedelta(days=1)),
    "too many places": New(Made.PLACES, capacity=1001),
    "too few places": New(Made.PLACES, capacity=-1),
    "too high a fee": New(Made.FEE, fee_fen=1_000_001),
    "a fee below nothing": New(Made.FEE, fee_fen=-1),
    "start and end": New(Made.CREATED),
    "no end": New(Made.CREATED, ends_at=None),
    "no hours": New(Made.CREATED, starts_at=None, ends_at=None),
    "no places and no fee": New(Made.CREATED, capacity=0, fee_fen=0),
    "most places and the highest fee": New(Made.CREATED, capacity=1000, fee_fen=1_000_000),
    "the last of the period": New(Made.CREATED, time(12, 59), None),
    "tomorrow": New(Made.CREATED, day=TODAY + timedelta(days=1)),
}
OF_SESSION = {
    SessionRefusal.HOURS: Made.HOURS,
    SessionRefusal.OUTSIDE_PERIOD: Made.OUTSIDE_PERIOD,
    SessionRefusal.TITLE_NOT_OFFERED: Made.TITLE,
    SessionRefusal.PAST: Made.PAST,
    SessionRefusal.TOO_FAR: Made.TOO_FAR,
}
OF_PLAN = {
    PlanRefusal.HOURS: Made.HOURS,
    PlanRefusal.OUTSIDE_PERIOD: Made.OUTSIDE_PERIOD,
    PlanRefusal.TITLE_NOT_OFFERED: Made.TITLE,
    PlanRefusal.PLACES: Made.PLACES,
    PlanRefusal.FEE: Made.FEE,
}
OF_FILE = {
    "end_without_start": Made.HOURS,
    "end_before_start": Made.HOURS,
    "outside_period": Made.OUTSIDE_PERIOD,
    "title_not_offered": Made.TITLE,
    "date_past": Made.PAST,
    "date_today": Made.PAST,
    "date_too_far": Made.TOO_FAR,
}


@dataclass(frozen=True)
class Empty:
    """A department without a session on the day."""

    platform: Platform
    rows: Rows
    by: Staff
    department_id: int


async def made_by_form(at: Empty, new: New) -> Made:
    outcome = await timetables.add_session(
        at.platform, at.by, at.department_id, new.day, new.clinic
    )
    if isinstance(outcome, AddedSession):
        return Made.CREATED
    if isinstance(outcome, SessionRefused):
        return OF_SESSION[outcome.reason]
    return OF_PLAN[outcome.reason]


async def made_by_the_whole_list(at: Empty, new: New) -> Made:
    item = {
        "external_id": "S1",
        "department_external_id": "D1",
        "title": new.title,
        "visit_date": new.day,
        "period": new.period,
        "fee_fen": new.fee_fen,
        "capacity": new.capacity,
        "starts_at": new.starts_at and f"{new.starts_at:%H:%M}",
        "ends_at": new.ends_at and f"{new.ends_at:%H:%M}",
    }
    try:
        wanted = msgspec.json.decode(msgspec.json.encode(item), type=HospitalSessionItemIn)
    except msgspec.ValidationError as error:
        field = invalid(error).field
        assert field is not None
        return {"capacity": Made.PLACES, "fee_fen": Made.FEE}[field]
    [outcome] = await publish_sessions(at.platform, at.by, [wanted.wanted()])
    if isinstance(outcome.what, SessionRefused):
        return OF_SESSION[outcome.what.reason]
    assert outcome.what is UpsertResult.CREATED
    return Made.CREATED


async def made_by_import(at: Empty, new: New) -> Made:
    period = {"morning": "上午", "afternoon": "下午"}[new.period]
    starts_at = new.starts_at and f"{new.starts_at:%H:%M}"
    ends_at = new.ends_at and f"{new.ends_at:%H:%M}"
    text = (
        "科室,职称,就诊日期,时段,开始时间,结束时间,费用,号源数\n"
        f"心内科,{new.title},{new.day},{period},{starts_at or ''},{ends_at or ''},"
        f"{new.fee_fen / 100:.2f},{new.capacity}\n"
    )
    report = await imported(at.platform, at.by, text)
    if report.faults:
        columns = {"费用": Made.FEE, "号源数": Made.PLACES}
        found = [OF_FILE.get(fault.word) or columns[fault.heading] for fault in report.faults]
        return min(found, key=[*Made].index)
    return Made.CREATED


async def made_by_a_timetable(at: Empty, new: New) -> Made:
    plan = WeeklyPlan(
        *(at.department_id, (new.day.isoweekday(),), (new.day, new.day), (new.clinic,)),
        on_holidays=True,
    )
    outcome = await weekly.add(at.platform, at.by, plan)
    if isinstance(outcome, Added):
        return Made.CREATED
    of_dates = Made.TOO_FAR if new.day > TODAY else Made.PAST
    found = [OF_PLAN.get(reason, of_dates) for _, reason in outcome.faults]
    return min(found, key=[*Made].index)


async def made_by_a_copy(at: Empty, new: New) -> Made:
    """Copy it from the week before, where it was stored before the law was what it is."""
    at.rows.session(
        *(at.by.own_hospital_id, at.department_id, new.day - timedelta(days=7)),
        title=new.title,
        period=new.period,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        capacity=new.capacity,
        fee_fen=new.fee_fen,
    )
    monday = new.day - timedelta(days=new.day.weekday())
    plan = CopyPlan(at.department_id, monday - timedelta(days=7), (monday,))
    found = await acts.preview_copy(at.platform, at.by, plan)
    assert isinstance(found, list)
    [copied] = found
    outcome = await acts.copy(at.platform, at.by, plan, acts.copy_version(found))
    if isinstance(copied.outcome, SessionRefused):
        assert outcome == Refused(BulkRefusal.NOTHING)
        return OF_SESSION[copied.outcome.reason]
    assert copied.outcome is CopyFate.NEW
    return Made.CREATED


def can_be_stored(new: New) -> bool:
    """Whether the schema lets a session be so: else there is none to be copied."""
    is_in_bounds = 0 <= new.capacity <= 1000 and 0 <= new.fee_fen <= 1_000_000
    return new.outcome is not Made.HOURS and is_in_bounds


MAKING = [
    (way, name)
    for way in (
        *(made_by_form, made_by_the_whole_list, made_by_import),
        *(made_by_a_timetable, made_by_a_copy),
    )
    for name in NEW
    if way is not made_by_a_copy or can_be_stored(NEW[name])
]


@pytest.mark.parametrize(("way", "name"), MAKING)
async def test_a_new_session_gets_the_laws_answer(
    platform: Platform, rows: Rows, way: Callable[[Empty, New], Awaitable[Made]], name: str
) -> None:
    new = NEW[name]
    hospital_id = rows.hospital()
    parent_id = rows.department(hospital_id)
    department_id = rows.department(
        hospital_id, name="心内科", parent_id=parent_id, external_id="D1"
    )
    by = Staff(1, "scheduler", Role.SCHEDULER, hospital_id)
    at = Empty(platform, rows, by, department_id)
    assert await way(at, new) is new.outcome
    made = rows.all(
        "SELECT title, specialty, period, starts_at, ends_at, fee_fen, capacity "
        f"FROM clinic_sessions WHERE department_id = {department_id} AND visit_date = '{new.day}'"
    )
    assert [Clinic(*row) for row in made] == ([new.clinic] if new.outcome is Made.CREATED else [])


@pytest.mark.parametrize("way", [by_the_whole_list, by_import])
async def test_a_session_with_old_hours_gets_no_others_outside_its_period(
    platform: Platform, rows: Rows, way: Way
) -> None:
    case = Case(SessionRefusal.OUTSIDE_PERIOD, starts_at=time(15), ends_at=time(16))
    at = place(platform, rows, case, way)
    assert await way(at, replace(case, ends_at=time(17))) is case.outcome
    assert rows.all(f"SELECT ends_at FROM clinic_sessions WHERE id = {at.session_id}") == [
        (time(16),)
    ]
