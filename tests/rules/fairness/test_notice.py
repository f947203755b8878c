"""The longest notice that an application can ask for is found among the draws."""

from __future__ import annotations

from datetime import date

import pytest
from tests.rules.helpers import AGENT, clock, moment

from guahao.rules.fairness.applying import ApplicationFacts, Wishes, served_until
from guahao.rules.kernel.limits import HospitalRules, Policy

VISIT = date(2026, 12, 20)
WEEK = Wishes(VISIT, VISIT, notice_hours=168)


@pytest.mark.parametrize(
    ("days_before", "cancel_time", "last_draw"),
    [
        (1, "15:00", "2026-12-12 14:00"),
        (1, "08:00", "2026-12-12 08:00"),
        (1, "07:00", "2026-12-11 20:00"),
        (3, "07:00", "2026-12-09 20:00"),
    ],
)
def test_a_week_s_notice_is_left_before_the_cancel_deadline(
    days_before: int, cancel_time: str, last_draw: str
) -> None:
    rules = HospitalRules(cancel_days_before=days_before, cancel_time=clock(cancel_time))
    assert served_until(WEEK, rules, Policy()) == moment(last_draw)


def test_an_account_has_not_applied_unless_it_is_known() -> None:
    assert ApplicationFacts(AGENT, (), 1, WEEK, None, {}).applied_today == 0
