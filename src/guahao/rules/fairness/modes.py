"""How a session's places are given out: first come, or by a draw at the release (FAIRNESS).

A hospital decides it for itself, a department, a title or a title of a department, from a visit
date on. A decision never reaches a date whose patients were already told how it is given out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from guahao.rules.fairness.returning import APPLICATIONS_OPEN, ReleaseMode
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules, Policy
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.supply.releasing import furthest, opens_at

REFERRAL_PERCENT_MAX = 50
AHEAD_MAX = timedelta(days=730)  # a date further away is a slip of the pen


class ModeRefusal(StrEnum):
    """Why a release mode is not decided or withdrawn, in order of precedence."""

    UNKNOWN_DEPARTMENT = "mode_unknown_department"
    UNKNOWN_TITLE = "mode_unknown_title"
    NO_REASON = "mode_no_reason"
    REFERRAL_PERCENT = "mode_referral_percent"
    ANNOUNCED = "mode_announced"
    TOO_FAR = "mode_too_far"
    CHANGED_MEANWHILE = "mode_changed_meanwhile"
    NO_CHANGE = "mode_no_change"
    NOT_PENDING = "mode_not_pending"


@dataclass(frozen=True, slots=True)
class Release:
    """A mode. `referral_percent`: of a draw's places, so many are kept for doctors' referrals."""

    mode: ReleaseMode
    referral_percent: int = 0


def referral_places(gained: int, drawn: int, kept: int, percent: int) -> int:
    """Return how many of the places that a session gained are kept for referrals.

    The share is of all its places at the release, of which `drawn` wait for the draw and `kept`
    are kept already: of each small raise by itself nothing would be kept.
    """
    return min(gained, max(0, (gained + drawn + kept) * percent // 100 - kept))


FIRST_COME = Release(ReleaseMode.FIRST_COME)


@dataclass(frozen=True, slots=True)
class DatedMode:
    """A decision of a hospital. Without a department or a title it is for all of them."""

    department_id: int | None
    title: str | None
    holds_from: date
    release: Release

    @property
    def specificity(self) -> tuple[bool, bool]:
        """Return what sorts a department's title last, before it a department, a title, all."""
        return self.department_id is not None, self.title is not None

    def is_about(self, department_id: int | None, title: str | None) -> bool:
        """Return whether it decides on sessions of this department and title."""
        return self.department_id in (None, department_id) and self.title in (None, title)


def mode_of(
    decisions: Iterable[DatedMode], department_id: int | None, title: str | None, visit_date: date
) -> Release:
    """Return how a department gives out the places of a title for a visit date.

    `decisions`: of its hospital. The most specific decision that holds by then wins, of equally
    specific ones the latest. Without a department or a title: how all of them are given out,
    exceptions apart.
    """
    holding = [
        decision
        for decision in decisions
        if decision.holds_from <= visit_date and decision.is_about(department_id, title)
    ]
    if not holding:
        return FIRST_COME
    return max(holding, key=lambda found: (found.specificity, found.holds_from)).release


def earliest_visit_date(
    now: datetime, rules: Sequence[HospitalRules], policies: Sequence[Policy]
) -> date:
    """Return the first visit date for which no application is taken yet.

    `rules`, `policies`: those in force and those to come.
    """
    return max(_earliest(now, own, policy) for own in rules for policy in policies)


def _earliest(now: datetime, rules: HospitalRules, policy: Policy) -> date:
    day = furthest(now.date(), rules, policy)  # every date before it is released
    while opens_at(day, rules, policy) - APPLICATIONS_OPEN <= now:
        day += ONE_DAY
    return day


def check_decision(new: DatedMode, reason: str, today: date, earliest: date) -> ModeRefusal | None:
    """Return what is wrong with a decision by itself."""
    if not 1 <= len(reason) <= REASON_MAX:
        return ModeRefusal.NO_REASON
    most = 0 if new.release.mode is ReleaseMode.FIRST_COME else REFERRAL_PERCENT_MAX
    if not 0 <= new.release.referral_percent <= most:
        return ModeRefusal.REFERRAL_PERCENT
    if new.holds_from < earliest:
        return ModeRefusal.ANNOUNCED
    return ModeRefusal.TOO_FAR if new.holds_from > today + AHEAD_MAX else None


def decide_change(
    new: DatedMode, existing: Sequence[DatedMode], *, seen_current: bool
) -> ModeRefusal | None:
    """Return why a decision that is right by itself is not made.

    `seen_current`: whether the decisions are still those that were shown.
    """
    if not seen_current:
        return ModeRefusal.CHANGED_MEANWHILE
    before = mode_of(existing, new.department_id, new.title, new.holds_from)
    return ModeRefusal.NO_CHANGE if before == new.release else None


def decide_withdrawal(decision: DatedMode | None, earliest: date) -> ModeRefusal | None:
    """Return why a decision is not withdrawn, None where there is no such decision."""
    if decision is None:
        return ModeRefusal.NOT_PENDING
    return ModeRefusal.ANNOUNCED if decision.holds_from < earliest else None
