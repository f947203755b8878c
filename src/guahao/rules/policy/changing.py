"""When the platform's policy may be changed, or a change withdrawn (docs/decisions/0016)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy, PolicyRefusal, refused_policy

AHEAD_MAX_DAYS = 366


class PolicyChangeRefusal(StrEnum):
    """Why a policy is not changed or withdrawn, in order of precedence.

    What is wrong with its numbers (`PolicyRefusal`) comes before NO_CHANGE.
    """

    REASON_NEEDED = "policy_reason_needed"
    CHANGED_MEANWHILE = "policy_changed_meanwhile"
    TOO_EARLY = "policy_too_early"
    TOO_LATE = "policy_too_late"
    NO_CHANGE = "policy_no_change"
    NOT_PENDING = "policy_not_pending"


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """Every policy, past and to come. `earliest`: the first day on which another may begin."""

    policies: DatedPolicies
    today: date
    earliest: date


def check_change(
    history: PolicyHistory, new: DatedPolicy
) -> PolicyRefusal | PolicyChangeRefusal | None:
    """Return what is wrong with a policy itself, before anybody decides on it."""
    if new.holds_from < history.earliest:
        return PolicyChangeRefusal.TOO_EARLY
    if (new.holds_from - history.today).days > AHEAD_MAX_DAYS:
        return PolicyChangeRefusal.TOO_LATE
    refusal = refused_policy(new.policy)
    if refusal is not None:
        return refusal
    same = history.policies.on(new.holds_from) == new.policy
    return PolicyChangeRefusal.NO_CHANGE if same else None


def decide_change(
    history: PolicyHistory, new: DatedPolicy, reason: str, *, seen_current: bool
) -> PolicyRefusal | PolicyChangeRefusal | None:
    """Return why a policy is not changed.

    `seen_current`: whether the history is still the one on which it was decided.
    """
    if not reason:
        return PolicyChangeRefusal.REASON_NEEDED
    if not seen_current:
        return PolicyChangeRefusal.CHANGED_MEANWHILE
    return check_change(history, new)


def decide_withdrawal(
    history: PolicyHistory, holds_from: date, reason: str, *, seen_current: bool
) -> PolicyChangeRefusal | None:
    """Return why the policy of that very date is not withdrawn: one that holds is history."""
    if not reason:
        return PolicyChangeRefusal.REASON_NEEDED
    if not seen_current:
        return PolicyChangeRefusal.CHANGED_MEANWHILE
    dates = [row.holds_from for row in history.policies.rows]
    is_pending = holds_from >= history.earliest and holds_from in dates
    return None if is_pending else PolicyChangeRefusal.NOT_PENDING
