"""When giving out places by draw is proposed: where they go within minutes of the release.

A proposal decides nothing. A person does, with a reason and a date (rules/fairness/modes.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

FAST = timedelta(minutes=5)
RELEASES = 20  # the latest that are looked at
FAST_NEEDED = RELEASES // 2


@dataclass(frozen=True, slots=True)
class PastRelease:
    """The release of a visit date of a department's title: its sessions, and those gone in FAST."""

    visit_date: date
    sessions: int
    sold_out_fast: int

    @property
    def is_fast(self) -> bool:
        """Return whether no place was left after FAST."""
        return self.sold_out_fast == self.sessions


@dataclass(frozen=True, slots=True)
class Finding:
    """Of the latest releases, how many were sold out within FAST."""

    releases: int
    fast: int


def finding(releases: Iterable[PastRelease]) -> Finding | None:
    """Return what speaks for a draw; None where too few of the latest releases were fast.

    Fewer releases than are looked at need as many fast ones all the same.
    """
    latest = sorted(releases, key=lambda release: release.visit_date)[-RELEASES:]
    fast = sum(release.is_fast for release in latest)
    return Finding(len(latest), fast) if fast >= FAST_NEEDED else None
