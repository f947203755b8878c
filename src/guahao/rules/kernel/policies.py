"""The platform's policy from a date on: which numbers hold on a day (S4, S12, S14, S16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, time
from enum import StrEnum

from guahao.rules.kernel.limits import Policy

# From and to, both included. Where two numbers hang together, `refused_policy` says how.
POLICY_BOUNDS = {
    "horizon_months": (1, 3),  # S4: up to three; so far are timetables rolled out
    "per_department_and_day": (1, 1),  # the schema's unique index holds the same number
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
}
QUIET_FROM_EARLIEST = time(18, 0)
QUIET_UNTIL_LATEST = time(10, 0)
CANCEL_CHANNELS = (frozenset({"agent"}), frozenset({"agent", "patient"}))


class PolicyRefusal(StrEnum):
    """What no policy may be."""

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
    """The policy of the row with the greatest `holds_from` that is not later than the day.

    Before the first row, `default`. The rows may come in any order.
    """
    begun = [row for row in rows if row.holds_from <= day]
    return max(begun, key=lambda row: row.holds_from).policy if begun else default


@dataclass(frozen=True, slots=True)
class DatedPolicies:
    """Every policy that has held: `first` until the first of `rows`."""

    first: Policy
    rows: tuple[DatedPolicy, ...] = ()

    def on(self, day: date) -> Policy:
        """What holds on the day."""
        return policy_on(day, self.rows, self.first) if self.rows else self.first

    def for_cancelling(self, booked_on: date, today: date) -> Policy:
        """Today's policy for a booking made under another: who could cancel it still can (S14)."""
        now, promised = self.on(today), self.on(booked_on)
        channels = now.cancel_channels | promised.cancel_channels
        return now if channels == now.cancel_channels else replace(now, cancel_channels=channels)


def out_of_bounds(policy: Policy) -> list[str]:
    """The names of the numbers that are too small or too large."""
    return [
        name
        for name, (low, high) in POLICY_BOUNDS.items()
        if not low <= getattr(policy, name) <= high
    ]


def refused_policy(policy: Policy) -> PolicyRefusal | None:
    """What no policy may be: a number out of its bounds, or limits that contradict each other."""
    if out_of_bounds(policy):
        return PolicyRefusal.OUT_OF_BOUNDS
    # A wider window that allows less would make the narrower one's number a lie.
    if not policy.per_day <= policy.per_short_window <= policy.per_long_window:
        return PolicyRefusal.LIMITS_CROSS
    if (
        policy.second_suspension_no_shows <= policy.first_suspension_no_shows
        or policy.second_suspension_months < policy.first_suspension_months
    ):
        return PolicyRefusal.SUSPENSIONS_CROSS
    # The hotline always can (S14); the patient as well where the policy says so.
    if policy.cancel_channels not in CANCEL_CHANNELS:
        return PolicyRefusal.CHANNELS
    # Quiet hours are at night: no policy may hold the day's messages.
    if not (policy.quiet_from >= QUIET_FROM_EARLIEST and policy.quiet_until <= QUIET_UNTIL_LATEST):
        return PolicyRefusal.QUIET_HOURS
    return None


def changed_numbers(before: Policy, after: Policy) -> list[str]:
    """The names of what differs, in the order of Policy."""
    names = [field.name for field in fields(Policy)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]
