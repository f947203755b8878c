"""The numbers of pick-up, correction and report, as RULES.md names them."""

from __future__ import annotations

from guahao.rules.attendance.attendance import REPORTED_DAYS
from guahao.rules.attendance.unverified import CONFIRM_DAYS
from guahao.rules.attendance.window import PAPER_DAYS


def test_for_how_many_days_a_hospital_says_who_came() -> None:
    assert REPORTED_DAYS == CONFIRM_DAYS == 30
    assert PAPER_DAYS == 3
