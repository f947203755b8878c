"""When a member of the staff is not logged in, locked out or logged out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.rules.helpers import moment

from guahao.rules.staff.logins import (
    HALF_LOGIN,
    LoginFacts,
    LoginRefusal,
    PasswordFacts,
    decide_login,
    is_over,
    is_usable,
    lock_until,
)

NOW = moment("2026-11-30 09:00")
LATER = NOW + timedelta(minutes=1)
IDLE, SHIFT = timedelta(minutes=30), timedelta(hours=12)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("locked_until", "is_member", "right", "temporary_until", "refusal"),
    [
        (LATER, False, False, NOW, LoginRefusal.LOCKED),
        (None, False, True, NOW, LoginRefusal.WRONG),
        (None, True, False, NOW, LoginRefusal.WRONG),
        (None, True, True, NOW, LoginRefusal.EXPIRED),
        (None, True, True, LATER, None),
        (None, True, True, None, None),
    ],
)
def test_why_a_password_opens_nothing(
    locked_until: datetime | None,
    is_member: bool,
    right: bool,
    temporary_until: datetime | None,
    refusal: LoginRefusal | None,
) -> None:
    facts = PasswordFacts(locked_until, is_member, right, temporary_until)
    assert decide_login(facts, NOW) is refusal


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(4, None), (5, 15), (6, 30), (7, 60), (11, 960), (12, 1440), (99, 1440)],
)
def test_every_failure_doubles_the_lock_up_to_a_day(failures: int, minutes: int | None) -> None:
    until = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert lock_until(failures, NOW) == until


@pytest.mark.parametrize(
    ("age", "unused", "over"),
    [
        (SHIFT - SECOND, IDLE - SECOND, False),
        (SHIFT, SECOND, True),
        (IDLE, IDLE, True),
    ],
)
def test_a_log_in_ends_unused_and_after_a_shift(
    age: timedelta, unused: timedelta, over: bool
) -> None:
    login = LoginFacts(verified_at=NOW, created_at=NOW - age, seen_at=NOW - unused)
    assert is_over(login, NOW, IDLE, SHIFT) is over
    assert is_usable(login, NOW, IDLE, SHIFT) is not over


@pytest.mark.parametrize(("age", "usable"), [(HALF_LOGIN - SECOND, True), (HALF_LOGIN, False)])
def test_a_password_waits_ten_minutes_for_the_second_factor(age: timedelta, usable: bool) -> None:
    login = LoginFacts(verified_at=None, created_at=NOW - age, seen_at=NOW)
    assert is_usable(login, NOW, IDLE, SHIFT) is usable
