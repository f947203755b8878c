"""Which policy holds on a day, what no policy may be, and suspensions where it changed."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import day
from tests.rules.strategies import policies as any_policy

from guahao.rules.attendance.penalties import (
    suspended_until,
    suspended_until_by_date,
    suspensions,
    suspensions_by_date,
)
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import (
    POLICY_BOUNDS,
    DatedPolicies,
    DatedPolicy,
    PolicyRefusal,
    changed_numbers,
    policy_on,
    refused_policy,
    without_fair_release,
)

FIRST = Policy()
SELF = Policy(cancel_channels=frozenset({"agent", "patient"}))

days = st.dates(date(2026, 1, 1), date(2027, 6, 30))
rows = st.lists(
    st.builds(DatedPolicy, days, any_policy), max_size=4, unique_by=lambda r: r.holds_from
)
no_shows = st.lists(days, max_size=12)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("2026-06-30", 1),
        ("2026-07-01", 2),
        ("2026-07-31", 2),
        ("2026-08-01", 3),
        ("2030-01-01", 3),
    ],
)
def test_the_row_that_began_last_holds(on: str, expected: int) -> None:
    given_rows = [
        DatedPolicy(day("2026-08-01"), Policy(per_day=3)),
        DatedPolicy(day("2026-07-01"), Policy(per_day=2)),
    ]
    for one in (given_rows, given_rows[::-1]):
        assert policy_on(day(on), one, Policy(per_day=1)).per_day == expected


@given(days, rows)
def test_a_policy_holds_from_its_day_until_the_next_one_begins(
    first_day: date, given_rows: list[DatedPolicy]
) -> None:
    held = DatedPolicies(FIRST, tuple(given_rows))
    changes = {row.holds_from for row in given_rows}
    now = held.on(first_day)
    for offset in range(1, 60):
        today = first_day + timedelta(days=offset)
        then = held.on(today)
        if today in changes:
            [begun] = [row.policy for row in given_rows if row.holds_from == today]
            assert then == begun
        else:
            assert then == now
        now = then


@given(rows, days, days)
def test_whoever_could_cancel_when_it_was_booked_still_can(
    given_rows: list[DatedPolicy], one: date, other: date
) -> None:
    booked_on, today = sorted([one, other])
    given_rows = [
        replace(row, policy=SELF if row.policy.per_day % 2 else row.policy) for row in given_rows
    ]
    held = DatedPolicies(FIRST, tuple(given_rows))
    kept = held.for_cancelling(booked_on, today)
    assert kept.cancel_channels >= held.on(booked_on).cancel_channels
    assert kept.cancel_channels >= held.on(today).cancel_channels
    assert replace(kept, cancel_channels=held.on(today).cancel_channels) == held.on(today)


@pytest.mark.parametrize(
    ("before", "since", "channels"),
    [
        (FIRST, FIRST, {"agent"}),
        (FIRST, SELF, {"agent", "patient"}),
        (SELF, FIRST, {"agent", "patient"}),
    ],
)
def test_who_was_promised_to_cancel_online_may_do_so_under_a_later_policy(
    before: Policy, since: Policy, channels: set[str]
) -> None:
    held = DatedPolicies(before, (DatedPolicy(day("2026-07-01"), since),))
    now = held.for_cancelling(day("2026-06-30"), day("2026-07-01"))
    assert now == replace(since, cancel_channels=frozenset(channels))


def test_the_owners_numbers_are_allowed() -> None:
    assert refused_policy(FIRST) is None
    assert refused_policy(SELF) is None


def test_every_number_has_bounds_and_the_owners_lies_within() -> None:
    others = {
        *("cancel_channels", "unchecked_may_book_experts", "draw_returned_places"),
        *("quiet_from", "quiet_until", "personal_release"),
    }
    numbers = {field.name for field in fields(Policy)} - others
    assert set(POLICY_BOUNDS) == numbers


def test_between_which_numbers_the_city_may_choose() -> None:
    assert POLICY_BOUNDS == {
        "horizon_months": (1, 3),
        "per_department_and_day": (1, 1),
        "per_day": (1, 10),
        "per_short_window": (1, 20),
        "short_window_days": (1, 31),
        "per_long_window": (1, 50),
        "long_window_months": (1, 12),
        "first_suspension_no_shows": (1, 50),
        "first_suspension_months": (1, 12),
        "second_suspension_no_shows": (1, 50),
        "second_suspension_months": (1, 12),
        "unchecked_live_bookings": (1, 10),
        "review_bookings": (1, 1000),
        "review_cancellations": (1, 1000),
        "review_days": (1, 366),
        "live_applications": (1, 10),
        "declines_before_pause": (1, 20),
        "pause_days": (1, 366),
        "long_waits_percent": (0, 100),
    }


@pytest.mark.parametrize("name", POLICY_BOUNDS)
def test_a_number_out_of_its_bounds_is_refused(name: str) -> None:
    low, high = POLICY_BOUNDS[name]
    for wrong in (low - 1, high + 1):
        changed: dict[str, Any] = {name: wrong}
        assert refused_policy(replace(FIRST, **changed)) is PolicyRefusal.OUT_OF_BOUNDS


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"per_day": 4}, PolicyRefusal.LIMITS_CROSS),
        ({"per_short_window": 6}, PolicyRefusal.LIMITS_CROSS),
        ({"per_day": 3}, None),
        ({"per_short_window": 5}, None),
        ({"first_suspension_no_shows": 6}, PolicyRefusal.SUSPENSIONS_CROSS),
        ({"first_suspension_months": 7}, PolicyRefusal.SUSPENSIONS_CROSS),
        ({"second_suspension_months": 3}, None),
        # The hotline always can (S14).
        ({"cancel_channels": frozenset({"patient"})}, PolicyRefusal.CHANNELS),
        ({"cancel_channels": frozenset()}, PolicyRefusal.CHANNELS),
        # Quiet hours are at night.
        ({"quiet_from": time(17, 59)}, PolicyRefusal.QUIET_HOURS),
        ({"quiet_until": time(10, 1)}, PolicyRefusal.QUIET_HOURS),
        ({"quiet_from": time(0, 0)}, PolicyRefusal.QUIET_HOURS),
        ({"quiet_from": time(18, 0), "quiet_until": time(10, 0)}, None),
        # The unique index holds one a department and day.
        ({"per_department_and_day": 2}, PolicyRefusal.OUT_OF_BOUNDS),
    ],
)
def test_what_hangs_together_is_checked_together(
    changed: dict[str, Any], refused: PolicyRefusal | None
) -> None:
    assert refused_policy(replace(FIRST, **changed)) is refused


def test_without_fair_release_a_policy_is_as_it_was_before() -> None:
    fair = Policy(per_day=1, personal_release=True, draw_returned_places=True)
    before = Policy(per_day=1, personal_release=False, draw_returned_places=False)
    assert without_fair_release(fair) == before


def test_what_changed_is_named() -> None:
    assert changed_numbers(FIRST, FIRST) == []
    assert changed_numbers(FIRST, replace(SELF, per_day=1)) == ["per_day", "cancel_channels"]


# Suspensions ----------------------------------------------------------------------------------

STRICTER = Policy(first_suspension_no_shows=2, first_suspension_months=6)
KINDER = Policy(first_suspension_no_shows=4)
SHORTER = Policy(first_suspension_months=1)
JULY = "2026-07-01"


def judged(visits: str, changes: list[tuple[str, Policy]], today: str) -> list[str]:
    """Suspensions as start..end where the owner's numbers held first."""
    held = DatedPolicies(FIRST, tuple(DatedPolicy(day(at), policy) for at, policy in changes))
    found = suspensions_by_date([day(one) for one in visits.split()], held, day(today))
    return [f"{one.start}..{one.end}" for one in found]


@pytest.mark.parametrize(
    ("visits", "changes", "today", "expected"),
    [
        # A stricter policy reaches nobody for what was before it.
        ("2026-03-02 2026-04-02", [(JULY, STRICTER)], "2026-07-02", []),
        # The next no-show is under it, and what went before counts as it always did.
        (
            "2026-03-02 2026-04-02 2026-08-03",
            [(JULY, STRICTER)],
            "2026-08-04",
            ["2026-08-03..2027-02-03"],
        ),
        ("2026-04-02 2026-08-03", [(JULY, STRICTER)], "2026-08-04", ["2026-08-03..2027-02-03"]),
        # One suspended before keeps the shorter suspension of that day.
        (
            "2026-03-02 2026-04-02 2026-06-20",
            [(JULY, STRICTER)],
            "2026-07-02",
            ["2026-06-20..2026-09-20"],
        ),
        # A kinder policy frees from the day on which it begins, not earlier.
        (
            "2026-03-02 2026-04-02 2026-06-20",
            [(JULY, KINDER)],
            "2026-06-30",
            ["2026-06-20..2026-09-20"],
        ),
        ("2026-03-02 2026-04-02 2026-06-20", [(JULY, KINDER)], "2026-07-01", []),
        (
            "2026-03-02 2026-04-02 2026-06-20",
            [(JULY, SHORTER)],
            "2026-07-01",
            ["2026-06-20..2026-07-20"],
        ),
        # Freed once is freed for good, whatever holds later.
        (
            "2026-03-02 2026-04-02 2026-06-20",
            [(JULY, KINDER), ("2026-08-01", STRICTER)],
            "2026-08-02",
            [],
        ),
        # Freed by the kinder policy, then the 4th: suspended as that policy says.
        (
            "2026-03-02 2026-04-02 2026-06-20 2026-08-10",
            [(JULY, KINDER)],
            "2026-08-11",
            ["2026-08-10..2026-11-10"],
        ),
        # The 4th was there before: the kinder policy suspends, too, and the earlier end stays.
        (
            "2026-03-02 2026-04-02 2026-06-01 2026-06-20",
            [(JULY, KINDER)],
            "2026-07-02",
            ["2026-06-01..2026-09-01"],
        ),
        # On the very day on which a policy begins, that one judges.
        ("2026-03-02 2026-07-01", [(JULY, STRICTER)], "2026-07-02", ["2026-07-01..2027-01-01"]),
        ("2026-03-02 2026-04-02 2026-07-01", [(JULY, KINDER)], "2026-07-02", []),
    ],
)
def test_nobody_is_punished_by_a_stricter_rule_than_on_the_visit_date(
    visits: str, changes: list[tuple[str, Policy]], today: str, expected: list[str]
) -> None:
    assert judged(visits, changes, today) == expected


@given(no_shows, rows, days)
def test_a_later_policy_never_lengthens_a_suspension(
    visits: list[date], given_rows: list[DatedPolicy], today: date
) -> None:
    """Not longer than without the policies that began after the last visit date."""
    known = [visit for visit in visits if visit <= today]
    last = max(known, default=today)
    until_then = tuple(row for row in given_rows if row.holds_from <= last)
    before = suspended_until_by_date(known, DatedPolicies(FIRST, until_then), today)
    after = suspended_until_by_date(known, DatedPolicies(FIRST, tuple(given_rows)), today)
    assert after is None or (before is not None and after <= before)


@given(no_shows, rows, days, st.integers(0, 200))
def test_with_time_alone_a_suspension_only_shrinks(
    visits: list[date], given_rows: list[DatedPolicy], today: date, later_days: int
) -> None:
    known = [visit for visit in visits if visit <= today]
    held = DatedPolicies(FIRST, tuple(given_rows))
    now = suspended_until_by_date(known, held, today)
    later = suspended_until_by_date(known, held, today + timedelta(days=later_days))
    assert later is None or (now is not None and later <= now)


@given(no_shows, any_policy, days)
def test_where_nothing_changed_it_is_the_plain_rule(
    visits: list[date], policy: Policy, today: date
) -> None:
    again = DatedPolicies(policy, (DatedPolicy(day("2026-07-01"), policy),))
    for held in (DatedPolicies(policy), again):
        assert suspensions_by_date(visits, held, today) == suspensions(visits, policy)
        assert suspended_until_by_date(visits, held, today) == suspended_until(visits, policy)
