"""How often the periodic tasks run, and when one is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from croniter import croniter  # type: ignore[import-untyped]

from guahao.rules.operations.schedules import SCHEDULES, Schedule


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_longest_time_between_two_runs_is_the_cron_lines(name: str) -> None:
    runs = croniter(SCHEDULES[name].cron, datetime(2026, 11, 27, tzinfo=UTC))
    times = [runs.get_next(datetime) for _ in range(100)]
    assert max(later - one for one, later in pairwise(times)) == SCHEDULES[name].every


def test_a_task_is_late_after_two_intervals_and_five_minutes() -> None:
    assert Schedule("0 * * * *", timedelta(hours=1)).late_after == timedelta(hours=2, minutes=5)
