"""What citizens are told, at and beyond every threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guahao.rules.operations.facts import (
    Facts,
    HospitalQueue,
    Maintenance,
    WaitingMessages,
    Workers,
)
from guahao.rules.operations.status import public_status

QUIET = HospitalQueue("H01", True, True, 0, 0, 5, 0, 0, 0, "一院", "First")
WELL = Facts(workers=Workers(3, 0, 1.0), undelivered=(), hospitals=(QUIET,), maintenance=())


def waiting(kind: str, seconds: float) -> Facts:
    return replace(WELL, undelivered=(WaitingMessages(kind, 1, seconds),))


@pytest.mark.parametrize(
    ("facts", "minutes"),
    [
        (WELL, 0),
        (waiting("booked", 120), 0),
        (waiting("booked", 121), 5),
        (waiting("otp", 30), 0),
        (waiting("otp", 31), 5),
        (waiting("booked", 301), 10),
        (waiting("booked", 10**6), 60),
        # The longest delay counts.
        (
            replace(
                WELL,
                undelivered=(WaitingMessages("otp", 1, 31), WaitingMessages("booked", 1, 1201)),
            ),
            25,
        ),
        (replace(WELL, workers=Workers(0, 3, 90.0)), 5),  # nobody sends the next one
        (replace(WELL, undelivered=None), None),
    ],
)
def test_messages_are_late_in_steps(facts: Facts, minutes: int | None) -> None:
    assert public_status(facts, 5, is_booking=True).delay_minutes == minutes


def test_what_was_measured_is_known_for_a_minute() -> None:
    now = public_status(WELL, 60, is_booking=True)
    assert (now.is_booking, now.delay_minutes, now.hospitals) == (True, 0, ())
    assert not public_status(WELL, 60, is_booking=False).is_booking
    for stale in (
        public_status(WELL, 61, is_booking=True),
        public_status(None, 0, is_booking=True),
    ):
        assert (stale.is_booking, stale.delay_minutes, stale.hospitals) == (True, None, None)


def test_hospitals_that_do_not_answer_are_named_and_those_switched_off_are_not() -> None:
    silent = replace(QUIET, code="H02", is_answering=False)
    off = replace(silent, code="H03", is_enabled=False)
    facts = replace(WELL, hospitals=(QUIET, silent, off))
    assert public_status(facts, 5, is_booking=True).hospitals == (silent,)
    assert public_status(facts, 61, is_booking=True).hospitals is None


def test_planned_maintenance_stays_known_while_the_database_is_away() -> None:
    planned = Maintenance("维护", "Maintenance", "", "")
    facts = replace(WELL, maintenance=(planned,))
    assert public_status(facts, 10**4, is_booking=False).maintenance == (planned,)
