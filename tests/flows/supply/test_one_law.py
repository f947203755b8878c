"""One law for every way in: the same change of the same session has the same outcome.

Form, one call of the hospital's system, its whole list, an imported file, a timetable's change and
the fee list each get every case; what is stored afterwards tells whether one of them decided for
itself (docs/decisions/0036).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.supply import Rows

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import fees, own_sessions, timetables
from guahao.flows.supply.feeding import WantedSession, publish_sessions
from guahao.flows.supply.imports import importing
from guahao.flows.supply.own_sessions import PlacesResult
from guahao.flows.supply.timetables import SessionChange
from guahao.rules.kernel.outcomes import DONE
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import Clinic, SessionRefusal, SessionRefused, UpsertResult
from guahao.rules.supply.fees import DatedFee
from guahao.rules.supply.planning import FOR_EVER

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
    own: dict[str, Any] = {"title": "普通门诊", "starts_at": time(8), "ends_at": time(10)}
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
        *("S1", "D1", "普通门诊", "", case.day, "morning", time(8), time(10)),
        *(case.fee_fen, case.capacity),
    )
    [outcome] = await publish_sessions(at.platform, at.by, [item])
    what = outcome.what
    assert isinstance(what, UpsertResult | SessionRefused)
    return what.reason if isinstance(what, SessionRefused) else what


WORDS = {
    "session_stopped": STOPPED,
    "date_past": PAST,
    "date_today": PAST,
    "fee_is_told": TOLD,
    "below_booked": BELOW_BOOKED,
}


async def by_import(at: Place, case: Case) -> Outcome:
    text = (
        "科室,职称,就诊日期,时段,开始时间,结束时间,费用,号源数\n"
        f"心内科,普通门诊,{case.day},上午,08:00,10:00,{case.fee_fen // 100},{case.capacity}\n"
    )
    import_id = await importing.receive(at.platform, at.by, "x.csv", text.encode())
    assert isinstance(import_id, int)
    await importing.carry_out(at.platform, import_id)
    report = await importing.report(at.platform, at.by.own_hospital_id, import_id)
    assert report is not None
    if report.faults:
        found = [WORDS[fault.word] for fault in report.faults]
        return min(found, key=[*SessionRefusal].index)
    await importing.confirm(at.platform, at.by, import_id)
    await importing.carry_out(at.platform, import_id)
    return CHANGED if report.changes_something else UNCHANGED


async def by_a_timetables_change(at: Place, case: Case) -> Outcome:
    clinic = replace(CLINIC, capacity=case.capacity, fee_fen=case.fee_fen)
    await timetables.change(at.platform, at.by, at.timetable_id, clinic)
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
