"""Dated policies: which numbers hold on a day (S4, S12, S14, S16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, time
from enum import StrEnum

from guahao.rules.kernel.limits import Policy

# Bounds, both included. `refused_policy` checks numbers that depend on each other.
POLICY_BOUNDS = {
    "horizon_months": (1, 3),  # S4: at most three, as timetables are rolled out no further
    "per_department_and_day": (1, 1),  # the schema's unique index allows the same number
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
QUIET_FROM_EARLIEST = time(18, 0)
QUIET_UNTIL_LATEST = time(10, 0)
CANCEL_CHANNELS = (frozenset({"agent"}), frozenset({"agent", "patient"}))


class PolicyRefusal(StrEnum):
    """Why a policy is refused."""

    OUT_OF_BOUNDS = "policy_out_of_bounds"
    LIMITS_CROSS = "policy_limits_cross"
    SUSPENSIONS_CROSS = "policy_suspensions_cross"
    CHANNELS = "policy_channels"
    QUIET_HOURS = "policy_quiet_hours"


@dataclass(frozen=True, slots=True)
class DatedPolicy:
    """A policy and the first day on which it holds."""

    holds_from: date
    policy: Policy


def policy_on(day: date, rows: Sequence[DatedPolicy], default: Policy) -> Policy:
    """Return the policy of the row with the latest `holds_from` up to the day.

    Before the first row `default` holds. The rows may be in any order.
    """
    begun = [row for row in rows if row.holds_from <= day]
    return max(begun, key=lambda row: row.holds_from).policy if begun else default


@dataclass(frozen=True, slots=True)
class DatedPolicies:
    """All policies: `first` holds until the first of `rows`."""

    first: Policy
    rows: tuple[DatedPolicy, ...] = ()

    def on(self, day: date) -> Policy:
        """Return the policy of a day."""
        return policy_on(day, self.rows, self.first) if self.rows else self.first

    def for_cancelling(self, booked_on: date, today: date) -> Policy:
        """Return today's policy, plus the cancel channels of the day of booking (S14)."""
        now, promised = self.on(today), self.on(booked_on)
        channels = now.cancel_channels | promised.cancel_channels
        return now if channels == now.cancel_channels else replace(now, cancel_channels=channels)


def without_fair_release(policy: Policy) -> Policy:
    """Return the policy as cities had it before there was a fair release."""
    return replace(policy, personal_release=False, draw_returned_places=False)


def out_of_bounds(policy: Policy) -> list[str]:
    """Return the names of the numbers that are out of bounds."""
    return [
        name
        for name, (low, high) in POLICY_BOUNDS.items()
        if not low <= getattr(policy, name) <= high
    ]


def refused_policy(policy: Policy) -> PolicyRefusal | None:
    """Return why a policy is refused: numbers out of bounds or in contradiction; else None."""
    if out_of_bounds(policy):
        return PolicyRefusal.OUT_OF_BOUNDS
    # A wider window that allowed less would make the narrower window's limit unreachable.
    if not policy.per_day <= policy.per_short_window <= policy.per_long_window:
        return PolicyRefusal.LIMITS_CROSS
    if (
        policy.second_suspension_no_shows <= policy.first_suspension_no_shows
        or policy.second_suspension_months < policy.first_suspension_months
    ):
        return PolicyRefusal.SUSPENSIONS_CROSS
    # The hotline can always cancel (S14); the patient only where the policy allows it.
    if policy.cancel_channels not in CANCEL_CHANNELS:
        return PolicyRefusal.CHANNELS
    # Quiet hours are at night: no policy may hold back messages all day.
    if not (policy.quiet_from >= QUIET_FROM_EARLIEST and policy.quiet_until <= QUIET_UNTIL_LATEST):
        return PolicyRefusal.QUIET_HOURS
    return None


def changed_numbers(before: Policy, after: Policy) -> list[str]:
    """Return the names of the numbers that differ, in the order of Policy."""
    names = [field.name for field in fields(Policy)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]
