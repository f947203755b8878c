"""When a hospital may still confirm who came (S16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import day

from guahao.rules.attendance.penalties import is_attendance_known
from guahao.rules.attendance.unverified import (
    CONFIRM_DAYS,
    ConfirmFacts,
    ConfirmRefusal,
    decide_confirmation,
)

VISIT = day("2026-03-10")
LAST = VISIT + timedelta(days=CONFIRM_DAYS)
GOOD = ConfirmFacts("the paper list", VISIT, 2, came=True, nobody_came=False)
BAD = ConfirmFacts("", None, 0, came=False, nobody_came=False)


@pytest.mark.parametrize(
    ("facts", "days_late", "answer"),
    [
        (BAD, 1, ConfirmRefusal.REASON_NEEDED),
        (replace(BAD, reason="list"), 1, ConfirmRefusal.UNKNOWN),
        (replace(BAD, reason="list", visit_date=VISIT), 1, ConfirmRefusal.TOO_OLD),
        (replace(BAD, reason="list", visit_date=VISIT), 0, ConfirmRefusal.NOTHING_WAITS),
        (replace(GOOD, came=False), 0, ConfirmRefusal.NOBODY_CAME),
        (replace(GOOD, came=False, nobody_came=True), 0, None),
        (GOOD, 0, None),
    ],
)
def test_the_first_obstacle_to_a_confirmation_answers(
    facts: ConfirmFacts, days_late: int, answer: ConfirmRefusal | None
) -> None:
    assert decide_confirmation(facts, LAST + timedelta(days=days_late)) is answer


@pytest.mark.parametrize("reported", [True, False])
@pytest.mark.parametrize("any_pick_up", [True, False])
def test_attendance_is_known_by_a_report_or_by_any_pick_up_of_the_day(
    *, reported: bool, any_pick_up: bool
) -> None:
    known = is_attendance_known(reported=reported, any_pick_up=any_pick_up)
    assert known is (reported or any_pick_up)
