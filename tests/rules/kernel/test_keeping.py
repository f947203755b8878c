"""What a booking was promised holds: no deadline of it becomes earlier (S11, S14)."""

from __future__ import annotations

from datetime import time

import pytest

from guahao.rules.kernel.limits import HospitalRules

EARLY = HospitalRules(
    cancel_days_before=2,
    cancel_time=time(12),
    pickup_until_morning=time(10, 30),
    pickup_until_afternoon=time(15, 30),
    pickup_until_evening=time(19, 30),
)
LATE = HospitalRules(
    cancel_days_before=1,
    cancel_time=time(17),
    pickup_until_morning=time(11, 30),
    pickup_until_afternoon=time(16, 30),
    pickup_until_evening=time(20),
)


@pytest.mark.parametrize(("now", "promised"), [(EARLY, LATE), (LATE, EARLY)])
def test_each_deadline_is_the_later_of_both(now: HospitalRules, promised: HospitalRules) -> None:
    kept = now.keeping(promised)
    assert (kept.cancel_days_before, kept.cancel_time) == (1, time(17))
    assert kept.pickup_until("morning") == time(11, 30)
    assert kept.pickup_until("afternoon") == time(16, 30)
    assert kept.pickup_until("evening") == time(20)


@pytest.mark.parametrize(
    ("days", "clock"), [(1, time(15, 0)), (2, time(23, 59)), (1, time(14, 59)), (3, time(15))]
)
def test_days_count_before_the_hour_of_a_day_and_minutes_count(days: int, clock: time) -> None:
    promised = HospitalRules(cancel_days_before=days, cancel_time=clock)
    now = HospitalRules(cancel_days_before=1, cancel_time=time(15, 0))
    kept = now.keeping(promised)
    assert (kept.cancel_days_before, kept.cancel_time) == (1, time(15, 0))
    assert promised.keeping(now).cancel_time == time(15, 0)


def test_a_minute_later_is_kept() -> None:
    promised = HospitalRules(cancel_time=time(15, 1))
    assert HospitalRules(cancel_time=time(15)).keeping(promised).cancel_time == time(15, 1)


def test_what_is_no_deadline_is_as_it_is_now() -> None:
    now = HospitalRules(cycle_days=7, release_time=time(8), checked_only=True)
    promised = HospitalRules(cycle_days=28, release_time=time(7))
    kept = now.keeping(promised)
    assert (kept.cycle_days, kept.release_time, kept.checked_only) == (7, time(8), True)
