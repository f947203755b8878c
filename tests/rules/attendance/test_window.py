"""What a hospital's window may put right, each answer at its place in the order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import clock, day, moment

from guahao.rules.attendance.window import (
    PAPER_DAYS,
    CorrectionFacts,
    DaySessionFacts,
    WindowRefusal,
    closes_from,
    decide_closing,
    decide_correction,
    decide_paper_entry,
)
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules

VISIT = day("2026-03-10")
HOSPITAL = 1
DEADLINE = moment("2026-03-10 11:30")
BEFORE = DEADLINE - timedelta(microseconds=1)
LATER = HospitalRules(pickup_until_morning=clock("12:00"))
EARLIER = HospitalRules(pickup_until_morning=clock("09:00"))


def correction(
    reason: str = "wrong person",
    status: str = "picked_up",
    hospital_id: int = HOSPITAL,
    *,
    settled: bool = False,
) -> CorrectionFacts:
    booked = AppointmentFacts(status, hospital_id, VISIT, "morning", HospitalRules())
    return CorrectionFacts(reason, booked, settled)


def session(*promised: HospitalRules, stopped: bool = False) -> DaySessionFacts:
    return DaySessionFacts(VISIT, "morning", stopped, HospitalRules(), promised)


@pytest.mark.parametrize(
    ("facts", "at", "answer"),
    [
        (CorrectionFacts("", None, settled=False), "03-11", WindowRefusal.REASON_NEEDED),
        (CorrectionFacts("slip", None, settled=False), "03-11", WindowRefusal.UNKNOWN),
        (correction(status="no_show", hospital_id=2), "03-11", WindowRefusal.UNKNOWN),
        (correction(status="no_show"), "03-11", WindowRefusal.NOT_PICKED_UP),
        (correction(), "03-11", WindowRefusal.NOT_TODAY),
        (correction(), "03-09", WindowRefusal.NOT_TODAY),
    ],
)
def test_the_first_obstacle_to_a_correction_answers(
    facts: CorrectionFacts, at: str, answer: WindowRefusal
) -> None:
    assert decide_correction(facts, HOSPITAL, moment(f"2026-{at} 08:00")) is answer


def test_a_corrected_booking_waits_again_until_the_deadline_and_its_settling() -> None:
    assert decide_correction(correction(), HOSPITAL, BEFORE) == "booked"
    assert decide_correction(correction(), HOSPITAL, DEADLINE) == "unverified"
    assert decide_correction(correction(settled=True), HOSPITAL, BEFORE) == "unverified"


def test_the_first_obstacle_to_closing_answers() -> None:
    assert decide_closing(None, BEFORE) is WindowRefusal.UNKNOWN
    assert decide_closing(session(stopped=True), BEFORE) is WindowRefusal.STOPPED
    assert decide_closing(session(), BEFORE) is WindowRefusal.TOO_EARLY
    assert decide_closing(session(), DEADLINE) is None


def test_a_session_closes_by_the_latest_deadline_that_somebody_was_promised() -> None:
    assert closes_from(session()) == closes_from(session(EARLIER)) == DEADLINE
    assert closes_from(session(EARLIER, LATER)) == moment("2026-03-10 12:00")
    assert decide_closing(session(LATER), DEADLINE) is WindowRefusal.TOO_EARLY


@pytest.mark.parametrize(
    ("reason", "found", "days_later", "answer"),
    [
        ("", None, -1, WindowRefusal.REASON_NEEDED),
        ("no network", None, -1, WindowRefusal.UNKNOWN),
        ("no network", session(), -1, WindowRefusal.TOO_OLD),
        ("no network", session(), PAPER_DAYS + 1, WindowRefusal.TOO_OLD),
        ("no network", session(), 0, None),
        ("no network", session(), PAPER_DAYS, None),
    ],
)
def test_the_first_obstacle_to_a_list_on_paper_answers(
    reason: str, found: DaySessionFacts | None, days_later: int, answer: WindowRefusal | None
) -> None:
    today = VISIT + timedelta(days=days_later)
    assert decide_paper_entry(reason, found, today) is answer
