"""What becomes of a hospital's report of who came, and who did not (S16)."""

from __future__ import annotations

from datetime import date

import pytest
from tests.rules.helpers import moment

from guahao.rules.attendance.attendance import AttendanceRefusal, decide_attendance
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules

DAY = date(2026, 12, 3)


@pytest.mark.parametrize(
    ("status", "seen", "when", "outcome"),
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
    status: str, seen: bool, when: str, outcome: str | AttendanceRefusal | None
) -> None:
    facts = AppointmentFacts(status, 1, DAY, "morning", HospitalRules())
    assert decide_attendance(facts, seen, moment(when)) == outcome


@pytest.mark.parametrize(
    ("status", "seen", "outcome"),
    [
        ("booked", False, "unverified"),
        ("unverified", False, None),
        ("booked", True, "picked_up"),
        ("unverified", True, "picked_up"),
        ("picked_up", False, AttendanceRefusal.PICKED_UP),
        ("cancelled", False, AttendanceRefusal.NOT_BOOKED),
    ],
)
def test_whom_a_substitute_would_have_seen_is_never_a_no_show(
    status: str, seen: bool, outcome: str | AttendanceRefusal | None
) -> None:
    facts = AppointmentFacts(status, 1, DAY, "morning", HospitalRules(), is_substituted=True)
    assert decide_attendance(facts, seen, moment("2026-12-04T09:00")) == outcome
