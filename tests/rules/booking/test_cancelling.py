"""Who may give a booking back, and until when (S14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from tests.rules.helpers import clock, day, moment

from guahao.rules.booking.cancelling import cancel_deadline, cancel_until, decide_cancel
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import CancelRefusal

VISIT = day("2026-03-10")
IN_TIME = moment("2026-03-02 10:00")
TOO_LATE = moment("2026-03-09 15:00")
SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))
DEFAULT = HospitalRules()


def appointment(status: str = "booked", rules: HospitalRules = DEFAULT) -> AppointmentFacts:
    return AppointmentFacts(status, 1, VISIT, "morning", rules)


def rules(days_before: int, at: str) -> HospitalRules:
    return HospitalRules(cancel_days_before=days_before, cancel_time=clock(at))


@pytest.mark.parametrize(
    ("own_rules", "deadline"),
    [
        (DEFAULT, "2026-03-09 15:00"),
        (rules(1, "12:00"), "2026-03-09 12:00"),  # stricter
        (rules(3, "17:30"), "2026-03-07 17:30"),
        (rules(30, "00:00"), "2026-02-08 00:00"),
        (rules(1, "23:59:59"), "2026-03-09 23:59:59"),  # looser
        (rules(0, "09:00"), "2026-03-10 00:00"),  # on the visit day never
        (rules(0, "00:00"), "2026-03-10 00:00"),
    ],
)
def test_a_booking_can_be_cancelled_until_its_deadline(
    own_rules: HospitalRules, deadline: str
) -> None:
    ends = moment(deadline)
    assert cancel_deadline(VISIT, own_rules) == ends
    booked = appointment(rules=own_rules)
    a_moment_earlier = ends - timedelta(microseconds=1)
    assert decide_cancel(booked, "agent", a_moment_earlier, Policy()) is None
    assert decide_cancel(booked, "agent", ends, Policy()) is CancelRefusal.CANCEL_TOO_LATE


@pytest.mark.parametrize("at", ["2026-03-10 00:00", "2026-03-10 08:00", "2026-03-11 08:00"])
@pytest.mark.parametrize("days_before", [0, 1, 2])
def test_on_the_visit_day_and_later_nothing_is_cancelled(at: str, days_before: int) -> None:
    booked = appointment(rules=rules(days_before, "23:59:59.999999"))
    for by in ("agent", "patient"):
        refused = decide_cancel(booked, by, moment(at), SELF_SERVICE)
        assert refused is CancelRefusal.CANCEL_TOO_LATE


@pytest.mark.parametrize(
    ("by", "policy", "refused"),
    [
        ("agent", Policy(), None),
        ("patient", Policy(), CancelRefusal.CANCEL_BY_PHONE),
        ("patient", SELF_SERVICE, None),
        ("agent", SELF_SERVICE, None),
        ("hospital", SELF_SERVICE, CancelRefusal.CANCEL_BY_PHONE),
        ("agent", Policy(cancel_channels=frozenset()), CancelRefusal.CANCEL_BY_PHONE),
    ],
)
def test_the_platform_decides_who_may_cancel(
    by: str, policy: Policy, refused: CancelRefusal | None
) -> None:
    assert decide_cancel(appointment(), by, IN_TIME, policy) is refused


@pytest.mark.parametrize("status", ["picked_up", "cancelled", "stopped", "no_show", "unverified"])
def test_only_what_is_booked_can_be_cancelled(status: str) -> None:
    refused = decide_cancel(appointment(status), "agent", IN_TIME, Policy())
    assert refused is CancelRefusal.NOT_CANCELLABLE


@pytest.mark.parametrize(
    ("by", "status", "refused"),
    [
        ("patient", "cancelled", CancelRefusal.CANCEL_BY_PHONE),
        ("patient", "booked", CancelRefusal.CANCEL_BY_PHONE),
        ("agent", "cancelled", CancelRefusal.NOT_CANCELLABLE),
        ("agent", "booked", CancelRefusal.CANCEL_TOO_LATE),
    ],
)
def test_of_several_reasons_the_first_answers(by: str, status: str, refused: CancelRefusal) -> None:
    assert decide_cancel(appointment(status), by, TOO_LATE, Policy()) is refused


def test_an_unknown_booking_is_refused_before_anything_else() -> None:
    nobody = Policy(cancel_channels=frozenset())
    assert decide_cancel(None, "patient", TOO_LATE, nobody) is CancelRefusal.UNKNOWN


@pytest.mark.parametrize(
    ("starts_at", "until"),
    [
        (clock("08:30"), "2026-03-10 08:30"),
        (None, "2026-03-10 11:30"),  # no start is known: until the booking is void
        (clock("14:00"), "2026-03-10 11:30"),  # nor later than that
    ],
)
def test_whom_a_substitute_sees_may_cancel_until_the_visit(
    starts_at: time | None, until: str
) -> None:
    ends = moment(until)
    booked = replace(appointment(), starts_at=starts_at, is_substituted=True)
    assert cancel_until(booked) == ends
    a_moment_earlier = ends - timedelta(microseconds=1)
    assert decide_cancel(booked, "agent", a_moment_earlier, Policy()) is None
    assert decide_cancel(booked, "agent", ends, Policy()) is CancelRefusal.CANCEL_TOO_LATE
    # By whom is the platform's policy, as ever.
    refused = decide_cancel(booked, "patient", a_moment_earlier, Policy())
    assert refused is CancelRefusal.CANCEL_BY_PHONE
    assert decide_cancel(booked, "patient", a_moment_earlier, SELF_SERVICE) is None


def test_others_of_the_session_keep_their_deadline() -> None:
    booked = replace(appointment(), starts_at=clock("08:30"))
    assert cancel_until(booked) == cancel_deadline(VISIT, DEFAULT)
