"""A place won in a draw may be declined for 24 hours, as long as cancelling is possible."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import day, moment

from guahao.rules.fairness.declining import (
    DeclinedTooLate,
    DeclineRefusal,
    Win,
    decide_decline,
    declinable_until,
    still_declinable_until,
)
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Refused

WON_AT = moment("2026-03-02 10:00")
VISIT = day("2026-03-10")
STATUSES = ("picked_up", "cancelled", "stopped", "no_show", "unverified")


def booked(status: str = "booked", visit_date: date = VISIT) -> AppointmentFacts:
    return AppointmentFacts(status, 1, visit_date, "morning", HospitalRules())


def win(won_at: datetime = WON_AT, cancel_until: str = "2026-03-09 15:00") -> Win:
    return Win(declinable_until(won_at, moment(cancel_until)))


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        ("2026-03-02 10:00", None),
        ("2026-03-03 09:59:59.999999", None),
        ("2026-03-03 10:00", DeclineRefusal.TOO_LATE),
        ("2026-03-09 16:00", DeclineRefusal.TOO_LATE),
    ],
)
def test_for_twenty_four_hours(at: str, refused: DeclineRefusal | None) -> None:
    decided = decide_decline(booked(), win(), moment(at))
    assert (None if decided is None else decided.reason) is refused


def test_never_after_the_cancel_deadline() -> None:
    late = win(moment("2026-03-09 10:00"))
    assert late.declinable_until == moment("2026-03-09 15:00")
    assert decide_decline(booked(), late, moment("2026-03-09 14:59:59")) is None
    refused = DeclinedTooLate(DeclineRefusal.TOO_LATE, ended_at=moment("2026-03-09 15:00"))
    assert decide_decline(booked(), late, moment("2026-03-09 15:00")) == refused


@pytest.mark.parametrize("status", STATUSES)
def test_the_order_of_refusals(status: str) -> None:
    """The first that applies: not won, not booked any more, too late."""
    too_late = moment("2026-03-12 10:00")
    assert decide_decline(booked(status), None, too_late) == Refused(DeclineRefusal.NOT_WON)
    not_cancellable = Refused(DeclineRefusal.NOT_CANCELLABLE)
    assert decide_decline(booked(status), win(), too_late) == not_cancellable
    assert decide_decline(booked(status), win(), WON_AT) == not_cancellable


@given(st.integers(0, 8 * 24), st.integers(0, 9 * 24))
def test_declining_is_possible_exactly_until_the_moment_that_is_promised(
    won: int, later: int
) -> None:
    won_at = WON_AT + timedelta(hours=won)
    at = won_at + timedelta(hours=later)
    promised = win(won_at)
    allowed = decide_decline(booked(), promised, at) is None
    assert allowed is (at < promised.declinable_until)
    assert promised.declinable_until <= won_at + timedelta(hours=24)


@pytest.mark.parametrize(
    ("status", "promised", "cancel_until", "shown"),
    [
        ("booked", "2026-03-03 09:00", "2026-03-09 15:00", "2026-03-03 09:00"),
        ("booked", "2026-03-03 09:00", "2026-03-02 15:00", "2026-03-02 15:00"),
        ("booked", None, "2026-03-09 15:00", None),
        ("cancelled", "2026-03-03 09:00", "2026-03-09 15:00", None),
        ("cancelled", None, "2026-03-09 15:00", None),
    ],
)
def test_a_patient_is_shown_until_when_a_won_booking_may_be_declined(
    status: str, promised: str | None, cancel_until: str, shown: str | None
) -> None:
    until = None if promised is None else moment(promised)
    found = still_declinable_until(status, until, moment(cancel_until))
    assert found == (None if shown is None else moment(shown))
