"""The law's own numbers, as RULES.md names them, and a deadline promised to a patient."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from guahao.rules.kernel import limits
from guahao.rules.kernel.limits import HospitalRules, Policy


def test_the_numbers_that_nobody_may_set() -> None:
    assert timedelta(days=1) == limits.ONE_DAY
    assert limits.PATIENTS_PER_PHONE == 2
    assert limits.CODE_DIGITS == 8
    assert limits.CODE_KEPT_DAYS == 30


def test_the_city_s_numbers_unless_it_sets_others() -> None:
    assert Policy() == Policy(
        horizon_months=3,
        per_department_and_day=1,
        per_day=2,
        per_short_window=3,
        short_window_days=7,
        per_long_window=5,
        long_window_months=3,
        first_suspension_no_shows=3,
        first_suspension_months=3,
        second_suspension_no_shows=6,
        second_suspension_months=6,
        review_bookings=15,
        review_cancellations=15,
        review_days=30,
        unchecked_live_bookings=1,
        unchecked_may_book_experts=False,
        cancel_channels=frozenset({"agent"}),
        quiet_from=time(21, 0),
        quiet_until=time(7, 30),
        draw_returned_places=True,
        live_applications=2,
        declines_before_pause=3,
        pause_days=30,
        long_waits_percent=20,
        personal_release=False,
    )


def test_a_new_city_gives_each_account_a_moment_of_its_own() -> None:
    assert Policy(personal_release=True) == limits.NEW_CITY


def test_a_hospital_s_rules_unless_it_sets_others() -> None:
    assert HospitalRules() == HospitalRules(
        cycle_days=None,
        release_time=time(0, 0),
        next_day_stop_time=time(15, 0),
        cancel_days_before=1,
        cancel_time=time(15, 0),
        pickup_until_morning=time(11, 30),
        pickup_until_afternoon=time(16, 30),
        pickup_until_evening=time(20, 0),
        checked_only=False,
    )


@pytest.mark.parametrize(
    ("strict", "lenient"),
    [
        # Both orders of the clock: a day more is stricter than any hour.
        ((2, time(23, 0)), (1, time(9, 0))),
        ((1, time(9, 30)), (1, time(9, 31))),
        ((1, time(9, 59)), (1, time(10, 0))),
        ((0, time(8, 0)), (0, time(12, 0))),
    ],
)
def test_the_later_deadline_to_cancel_counts(
    strict: tuple[int, time], lenient: tuple[int, time]
) -> None:
    early = HospitalRules(cancel_days_before=strict[0], cancel_time=strict[1])
    late = HospitalRules(cancel_days_before=lenient[0], cancel_time=lenient[1])
    for promised, now in ((early, late), (late, early)):
        kept = now.keeping(promised)
        assert (kept.cancel_days_before, kept.cancel_time) == lenient


@pytest.mark.parametrize(
    ("period", "earlier"),
    [
        ("morning", HospitalRules(pickup_until_morning=time(10, 0))),
        ("afternoon", HospitalRules(pickup_until_afternoon=time(10, 0))),
        ("evening", HospitalRules(pickup_until_evening=time(10, 0))),
    ],
)
def test_the_later_deadline_to_pick_up_counts(period: str, earlier: HospitalRules) -> None:
    usual = HospitalRules()
    assert usual.keeping(earlier).pickup_until(period) == usual.pickup_until(period)
    assert earlier.keeping(usual).pickup_until(period) == usual.pickup_until(period)
    assert earlier.pickup_until(period) == time(10, 0)


def test_only_deadlines_are_promised() -> None:
    now = HospitalRules(checked_only=True, release_time=time(8, 0), cycle_days=7)
    assert now.keeping(HospitalRules()) == now
