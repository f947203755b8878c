"""What becomes of a session that a hospital publishes, and of what it says of attendance."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from tests.supply import at

from guahao.rules.attendance.attendance import AttendanceRefusal, decide_attendance
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.supply.feeding import (
    FED_DAYS,
    Fed,
    ItemRefusal,
    KnownSession,
    Session,
    are_hours,
    decide_session,
)

TODAY = date(2026, 11, 30)
DAY = date(2026, 12, 3)
TITLES = {"主任医师", "医师"}
SESSION = Session(1, "主任医师", "", DAY, "morning", time(8), time(12), 8000, 20)
KNOWN = KnownSession(7, SESSION, booked=0, stopped=False, ever_booked=False)
BOOKED = replace(KNOWN, booked=5, ever_booked=True)
ONCE_BOOKED = replace(KNOWN, ever_booked=True)
STOPPED = replace(KNOWN, stopped=True)
PAST = replace(KNOWN, session=replace(SESSION, visit_date=TODAY - timedelta(days=1)))
OF_TODAY = replace(KNOWN, session=replace(SESSION, visit_date=TODAY))
UNLINKED = replace(KNOWN, linked=False)
RETIRED = replace(KNOWN, session=replace(SESSION, title="旧职称"))


@pytest.mark.parametrize(
    ("known", "changes", "outcome"),
    [
        (None, {}, Fed.CREATED),
        (None, {"visit_date": TODAY + timedelta(days=1)}, Fed.CREATED),
        (None, {"visit_date": TODAY}, ItemRefusal.PAST),
        (None, {"visit_date": TODAY - timedelta(days=1)}, ItemRefusal.PAST),
        (None, {"visit_date": TODAY + timedelta(days=FED_DAYS)}, Fed.CREATED),
        (None, {"visit_date": TODAY + timedelta(days=FED_DAYS + 1)}, ItemRefusal.TOO_FAR),
        (None, {"title": "神医"}, ItemRefusal.TITLE_UNKNOWN),
        (KNOWN, {}, Fed.UNCHANGED),
        (UNLINKED, {}, Fed.CHANGED),
        (UNLINKED, {"capacity": 3}, Fed.CHANGED),
        (replace(BOOKED, linked=False), {}, Fed.CHANGED),
        (replace(BOOKED, linked=False), {"fee_fen": 1}, ItemRefusal.TOLD),
        (KNOWN, {"visit_date": DAY + timedelta(days=1)}, Fed.CHANGED),
        (KNOWN, {"visit_date": TODAY}, ItemRefusal.PAST),
        (KNOWN, {"title": "神医"}, ItemRefusal.TITLE_UNKNOWN),
        (KNOWN, {"capacity": 0}, Fed.CHANGED),
        (RETIRED, {"title": "旧职称", "capacity": 3}, Fed.CHANGED),
        (RETIRED, {"title": "医师"}, Fed.CHANGED),
        (BOOKED, {"capacity": 5}, Fed.CHANGED),
        (BOOKED, {"capacity": 4}, ItemRefusal.BELOW_BOOKED),
        (BOOKED, {"capacity": 4, "fee_fen": 1}, ItemRefusal.TOLD),
        (ONCE_BOOKED, {"capacity": 0}, Fed.CHANGED),
        (ONCE_BOOKED, {"department_id": 2}, ItemRefusal.TOLD),
        (ONCE_BOOKED, {"specialty": "x"}, ItemRefusal.TOLD),
        (ONCE_BOOKED, {"ends_at": None}, ItemRefusal.TOLD),
        (STOPPED, {}, Fed.UNCHANGED),
        (STOPPED, {"capacity": 21}, ItemRefusal.STOPPED),
        (PAST, {}, ItemRefusal.PAST),
        (OF_TODAY, {"visit_date": TODAY, "capacity": 3}, Fed.CHANGED),
    ],
)
def test_what_becomes_of_a_session(
    known: KnownSession | None, changes: dict[str, object], outcome: Fed | ItemRefusal
) -> None:
    wanted = replace(SESSION, **changes)  # type: ignore[arg-type]
    assert decide_session(wanted, known, TITLES, TODAY) == outcome


def test_hours_that_can_be() -> None:
    assert are_hours(None, None)
    assert are_hours(time(8), None)
    assert are_hours(time(8), time(9))
    assert not are_hours(None, time(9))
    assert not are_hours(time(9), time(9))


@pytest.mark.parametrize(
    ("status", "seen", "moment", "outcome"),
    [
        ("booked", True, "2026-12-02T23:59", AttendanceRefusal.TOO_EARLY),
        ("booked", True, "2026-12-03T00:00", "picked_up"),
        ("booked", False, "2026-12-03T11:29", AttendanceRefusal.TOO_EARLY),
        ("booked", False, "2026-12-03T11:30", "no_show"),
        ("unverified", True, "2026-12-04T09:00", "picked_up"),
        ("unverified", False, "2026-12-04T09:00", "no_show"),
        ("no_show", True, "2026-12-04T09:00", "picked_up"),
        ("no_show", False, "2026-12-04T09:00", None),
        ("picked_up", True, "2026-12-04T09:00", None),
        ("picked_up", False, "2026-12-04T09:00", AttendanceRefusal.PICKED_UP),
        ("cancelled", True, "2026-12-04T09:00", AttendanceRefusal.NOT_BOOKED),
        ("stopped", False, "2026-12-04T09:00", AttendanceRefusal.NOT_BOOKED),
        ("unverified", True, "2027-01-02T09:00", "picked_up"),
        ("unverified", True, "2027-01-03T09:00", AttendanceRefusal.TOO_OLD),
        ("no_show", False, "2027-03-01T09:00", None),
    ],
)
def test_what_a_report_of_attendance_does(
    status: str, seen: bool, moment: str, outcome: str | AttendanceRefusal | None
) -> None:
    facts = AppointmentFacts(status, 1, DAY, "morning", HospitalRules())
    assert decide_attendance(facts, seen, at(moment)) == outcome
