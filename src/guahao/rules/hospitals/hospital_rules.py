"""What a hospital's own booking rules may be, and from when they may hold (S4-S6, S11, S14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from guahao.rules.kernel.limits import HospitalRules

CYCLE_DAYS_MAX = 92
CANCEL_DAYS_MAX = 30


class RulesRefusal(StrEnum):
    """Why a hospital's rules are not changed, in order of precedence."""

    NOT_BEFORE_TOMORROW = "not_before_tomorrow"
    CYCLE_DAYS = "cycle_days"
    CANCEL_DAYS = "cancel_days"
    CHANGED_MEANWHILE = "changed_meanwhile"
    NO_CHANGE = "no_change"
    NOT_PENDING = "not_pending"


@dataclass(frozen=True, slots=True)
class DatedRules:
    """Rules and the first day on which they hold."""

    holds_from: date
    rules: HospitalRules


def check_numbers(rules: HospitalRules) -> RulesRefusal | None:
    """Return what no hospital's rules may be, those that it begins with among them."""
    if rules.cycle_days is not None and not 1 <= rules.cycle_days <= CYCLE_DAYS_MAX:
        return RulesRefusal.CYCLE_DAYS
    # Never on the visit day, even if the hospital prefers it (S14).
    if not 1 <= rules.cancel_days_before <= CANCEL_DAYS_MAX:
        return RulesRefusal.CANCEL_DAYS
    return None


def check_rules(new: DatedRules, today: date) -> RulesRefusal | None:
    """Return what is wrong with rules by themselves, before they are compared with others."""
    if new.holds_from <= today:
        return RulesRefusal.NOT_BEFORE_TOMORROW
    return check_numbers(new.rules)


def decide_change(
    new: DatedRules, before: HospitalRules, today: date, *, seen_current: bool
) -> RulesRefusal | None:
    """Return why rules are not changed.

    `before`: what would hold on the day otherwise; `seen_current`: whether the rules are still
    those that were shown.
    """
    refusal = check_rules(new, today)
    if refusal is not None:
        return refusal
    if not seen_current:
        return RulesRefusal.CHANGED_MEANWHILE
    return RulesRefusal.NO_CHANGE if before == new.rules else None


def decide_withdrawal(holds_from: date, dated: bool, today: date) -> RulesRefusal | None:
    """Return why rules are not withdrawn; `dated`: whether any hold from that very date."""
    return None if dated and holds_from > today else RulesRefusal.NOT_PENDING
