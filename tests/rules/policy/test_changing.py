"""When a policy may be changed or withdrawn, each answer at its place."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.rules.helpers import day

from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy, PolicyRefusal
from guahao.rules.policy.changing import (
    AHEAD_MAX_DAYS,
    PolicyChangeRefusal,
    PolicyHistory,
    check_change,
    decide_change,
    decide_withdrawal,
)

TODAY = day("2026-03-02")
TOMORROW = TODAY + timedelta(days=1)
LATER = TODAY + timedelta(days=7)
FURTHEST = TODAY + timedelta(days=AHEAD_MAX_DAYS)
PENDING = DatedPolicy(LATER, Policy(per_day=1))
HISTORY = PolicyHistory(DatedPolicies(Policy(), (PENDING,)), TODAY, TOMORROW)
BAD = Policy(per_day=0)


@pytest.mark.parametrize(
    ("holds_from", "policy", "reason", "seen_current", "answer"),
    [
        (TODAY, BAD, "", False, PolicyChangeRefusal.REASON_NEEDED),
        (TODAY, BAD, "why", False, PolicyChangeRefusal.CHANGED_MEANWHILE),
        (TODAY, BAD, "why", True, PolicyChangeRefusal.TOO_EARLY),
        (FURTHEST + timedelta(days=1), BAD, "why", True, PolicyChangeRefusal.TOO_LATE),
        (FURTHEST, BAD, "why", True, PolicyRefusal.OUT_OF_BOUNDS),
        (TOMORROW, Policy(), "why", True, PolicyChangeRefusal.NO_CHANGE),
        (LATER, PENDING.policy, "why", True, PolicyChangeRefusal.NO_CHANGE),
        (LATER, Policy(), "why", True, None),
        (TOMORROW, Policy(per_day=1), "why", True, None),
        (FURTHEST, Policy(), "why", True, None),
    ],
)
def test_the_first_obstacle_to_a_policy_answers(
    holds_from: date,
    policy: Policy,
    reason: str,
    seen_current: bool,
    answer: PolicyRefusal | PolicyChangeRefusal | None,
) -> None:
    new = DatedPolicy(holds_from, policy)
    assert decide_change(HISTORY, new, reason, seen_current=seen_current) is answer
    if reason and seen_current:
        assert check_change(HISTORY, new) is answer


@pytest.mark.parametrize(
    ("holds_from", "reason", "seen_current", "answer"),
    [
        (TOMORROW, "", False, PolicyChangeRefusal.REASON_NEEDED),
        (TOMORROW, "why", False, PolicyChangeRefusal.CHANGED_MEANWHILE),
        (TOMORROW, "why", True, PolicyChangeRefusal.NOT_PENDING),
        (LATER, "why", True, None),
    ],
)
def test_the_first_obstacle_to_a_withdrawal_answers(
    holds_from: date, reason: str, seen_current: bool, answer: PolicyChangeRefusal | None
) -> None:
    decided = decide_withdrawal(HISTORY, holds_from, reason, seen_current=seen_current)
    assert decided is answer


def test_a_policy_that_holds_is_history() -> None:
    begun = PolicyHistory(HISTORY.policies, LATER, LATER + timedelta(days=1))
    decided = decide_withdrawal(begun, LATER, "why", seen_current=True)
    assert decided is PolicyChangeRefusal.NOT_PENDING


def test_a_policy_that_begins_on_the_earliest_day_can_still_be_withdrawn() -> None:
    due = PolicyHistory(HISTORY.policies, LATER - timedelta(days=1), LATER)
    assert decide_withdrawal(due, LATER, "why", seen_current=True) is None


def test_a_policy_is_decided_at_most_a_year_ahead() -> None:
    assert AHEAD_MAX_DAYS == 366
