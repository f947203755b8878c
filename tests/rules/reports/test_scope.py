"""What a report may be about, each answer at its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import day, moment

from guahao.rules.reports.scope import DAYS_MAX, ReportScope, ScopeRefusal, check_scope

FIRST = day("2026-03-01")
LAST = FIRST + timedelta(days=DAYS_MAX - 1)


@pytest.mark.parametrize(
    ("scope", "answer"),
    [
        (ReportScope(FIRST, FIRST - timedelta(days=1), 9, 9), ScopeRefusal.ORDER),
        (ReportScope(FIRST, LAST + timedelta(days=1), 9, 9), ScopeRefusal.TOO_LONG),
        (ReportScope(FIRST, LAST, 9, 9), ScopeRefusal.UNKNOWN_HOSPITAL),
        (ReportScope(FIRST, LAST, 1, 9), ScopeRefusal.UNKNOWN_DEPARTMENT),
        (ReportScope(FIRST, LAST, 1, 2), None),
        (ReportScope(FIRST, FIRST), None),
    ],
)
def test_the_first_obstacle_to_a_report_answers(
    scope: ReportScope, answer: ScopeRefusal | None
) -> None:
    assert check_scope(scope, {1}, {2}) is answer


def test_a_scope_lasts_from_midnight_to_the_midnight_after_its_last_day() -> None:
    moments = ReportScope(FIRST, FIRST).moments
    assert moments == (moment("2026-03-01 00:00"), moment("2026-03-02 00:00"))


def test_a_report_covers_at_most_400_days() -> None:
    assert DAYS_MAX == 400
