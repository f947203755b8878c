"""Who asks to be called: in which windows, in time for what they ask, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from tests.rules.helpers import day, moment

from guahao.rules.call_centre.call_backs import (
    CALL_BACKS_A_DAY,
    WINDOWS_SHOWN,
    CallBackFacts,
    CallBackRefusal,
    CallsTooLate,
    Topic,
    Window,
    decide_call_back,
    in_time,
    windows,
)
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Refused

NOW = moment("2026-12-03 09:00")
HOURS = (time(8), time(20))


def begins(now: datetime, hours: tuple[time, time] = HOURS) -> list[str]:
    return [f"{window.starts_at:%d %H:%M}–{window.ends_at:%H:%M}" for window in windows(now, hours)]


@pytest.mark.parametrize(
    ("clock", "first"),
    [
        ("00:00", "03 08:00–12:00"),
        ("09:00", "03 08:00–12:00"),
        ("11:30", "03 08:00–12:00"),  # half an hour is enough to call
        ("11:30:01", "03 12:00–18:00"),
        ("17:30", "03 12:00–18:00"),
        ("18:00", "03 18:00–20:00"),
        ("19:30", "03 18:00–20:00"),
        ("19:31", "04 08:00–12:00"),
    ],
)
def test_a_window_is_offered_while_half_an_hour_of_it_is_left(clock: str, first: str) -> None:
    assert begins(moment(f"2026-12-03 {clock}"))[0] == first


def test_six_windows_are_offered_the_soonest_first() -> None:
    assert WINDOWS_SHOWN == 6
    assert begins(moment("2026-12-03 14:00")) == [
        *("03 12:00–18:00", "03 18:00–20:00"),
        *("04 08:00–12:00", "04 12:00–18:00", "04 18:00–20:00"),
        "05 08:00–12:00",
    ]


@pytest.mark.parametrize(
    ("hours", "first"),
    [
        ((time(12), time(18)), ["03 12:00–18:00", "04 12:00–18:00"]),
        ((time(8), time(11)), ["03 08:00–11:00", "04 08:00–11:00"]),
        ((time(13), time(19)), ["03 13:00–18:00", "03 18:00–19:00"]),
    ],
)
def test_windows_keep_to_the_hours_of_the_call_centre(
    hours: tuple[time, time], first: list[str]
) -> None:
    assert begins(NOW, hours)[:2] == first
    assert len(begins(NOW, hours)) == 6


# Until 15:00 on the day before the visit.
BOOKED = AppointmentFacts("booked", 1, day("2026-12-05"), "morning", HospitalRules())


@pytest.mark.parametrize(
    ("topic", "booking", "offered"),
    [
        (Topic.HELP, BOOKED, 6),
        (Topic.HELP, None, 6),
        (Topic.CANCEL, None, 6),
        (Topic.CANCEL, BOOKED, 5),
        (Topic.RESCHEDULE, BOOKED, 5),
        (Topic.CANCEL, replace(BOOKED, status="cancelled"), 0),
        (Topic.CANCEL, replace(BOOKED, visit_date=day("2026-12-03")), 0),
        # A window that begins at the deadline is too late.
        (Topic.CANCEL, replace(BOOKED, rules=HospitalRules(cancel_time=time(12))), 4),
        (Topic.CANCEL, replace(BOOKED, rules=HospitalRules(cancel_time=time(12, 1))), 5),
    ],
)
def test_a_window_begins_while_what_is_asked_can_be_done(
    topic: Topic, booking: AppointmentFacts | None, offered: int
) -> None:
    all_of_them = windows(NOW, HOURS)
    assert in_time(all_of_them, topic, booking) == all_of_them[:offered]


ASKED = CallBackFacts(
    Topic.CANCEL, moment("2026-12-04 12:00"), BOOKED, has_patient=True, is_waiting=False,
    asked_today=CALL_BACKS_A_DAY,
)  # fmt: skip
NOBODY = replace(
    ASKED, has_patient=False, is_waiting=True, starts_at=NOW, asked_today=CALL_BACKS_A_DAY + 1
)
EVENING = moment("2026-12-04 18:00")
DEADLINE = moment("2026-12-04 15:00")
R = CallBackRefusal


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        # Each refusal where every later one stands as well.
        (NOBODY, Refused(R.NO_PATIENT)),
        (replace(NOBODY, has_patient=True), Refused(R.WAITING)),
        (replace(NOBODY, has_patient=True, is_waiting=False), Refused(R.WINDOW_PAST)),
        (
            replace(ASKED, starts_at=EVENING, asked_today=CALL_BACKS_A_DAY + 1),
            CallsTooLate(deadline=DEADLINE),
        ),
        (replace(ASKED, asked_today=CALL_BACKS_A_DAY + 1), Refused(R.TOO_MANY)),
    ],
)
def test_why_nobody_will_call(facts: CallBackFacts, refused: Refused[CallBackRefusal]) -> None:
    assert decide_call_back(facts, NOW, HOURS) == refused


def test_who_may_be_called_is_called_in_the_chosen_window() -> None:
    noon = Window(moment("2026-12-04 12:00"), moment("2026-12-04 18:00"))
    assert decide_call_back(ASKED, NOW, HOURS) == noon
    evening = replace(ASKED, topic=Topic.HELP, booking=None, starts_at=EVENING)
    assert decide_call_back(evening, NOW, HOURS) == Window(EVENING, EVENING + timedelta(hours=2))


def test_three_calls_a_day_may_be_asked_for() -> None:
    assert CALL_BACKS_A_DAY == 3
