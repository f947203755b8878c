"""Rate limits: sliding windows, counted in bounded memory.

The estimate of a sliding window is the count of the current window, plus the count of the
previous window times the share of it that still overlaps. A refused attempt is not counted, so
that a caller who slows down is served again, and a caller who does not is served at the rate of
the limit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

SUBJECTS_MAX = 100_000  # a limit; about 20 MB
_SHARE = 20  # a subject is shared with other processes from a twentieth of its limit
_AT_ONCE = 4  # and at once when it used a quarter of its limit since the last sharing


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts of a subject in any `seconds`.

    `shared_from`: attempts in a process until they are shared with the others, where a twentieth
    of a small limit would share everybody's first attempt.
    """

    name: str
    most: int
    seconds: int
    shared_from: int = 1


class Count:
    """The known attempts of a subject: this process's, and those that others have shared."""

    __slots__ = ("before", "known", "unshared", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.before = 0  # attempts in the previous window
        self.known = 0  # attempts in this window
        self.unshared = 0  # those of them not shared yet

    def roll(self, window: int) -> None:
        """Move to another window, which contains now."""
        self.before = self.known if window == self.window + 1 else 0
        self.window, self.known, self.unshared = window, 0, 0


@dataclass(frozen=True, slots=True)
class Share:
    """Attempts to be shared with other processes."""

    limit: Limit
    subject: str
    window: int
    tries: int


class Rates:
    """The counts of this process; the least recently seen subjects are evicted first.

    Each limit has its own memory, so that a flood of addresses evicts no account.
    """

    def __init__(self, subjects_max: int = SUBJECTS_MAX) -> None:
        self._subjects_max = subjects_max
        # By the limit's name: ten limits are looked up for each booking, and hashing a Limit
        # would take longer than all the rest.
        self._counts: dict[str, OrderedDict[str, Count]] = {}
        self._due: dict[tuple[str, str], tuple[Limit, Count]] = {}
        self.hurry = False  # set when a subject spends its limit faster than counts are shared

    def attempt(self, limit: Limit, subject: str, now: float) -> int | None:
        """Count an attempt at `now` (Unix seconds); return the seconds to wait if it is refused."""
        return self.attempt_all(((limit, subject),), now)

    def attempt_all(self, tried: Iterable[tuple[Limit, str]], now: float) -> int | None:
        """Count an attempt against each limit; if any refuses, count it against none."""
        counts = [(limit, subject, self._count(limit, subject, now)) for limit, subject in tried]
        wait_seconds = 0
        for limit, _, count in counts:
            # With no attempts before this window there is nothing to estimate.
            if count.before or count.known >= limit.most:
                wait_seconds = max(wait_seconds, _wait(limit, count, now))
        if wait_seconds:
            return wait_seconds
        for limit, subject, count in counts:
            count.known += 1
            count.unshared += 1
            if count.known >= limit.shared_from and count.known * _SHARE >= limit.most:
                self._due[limit.name, subject] = limit, count
                if count.unshared * _AT_ONCE >= limit.most:
                    self.hurry = True
        return None

    def undo(self, limit: Limit, subject: str, now: float) -> None:
        """Uncount an attempt that was counted at `now` and had no effect."""
        counts = self._counts.get(limit.name)
        count = None if counts is None else counts.get(subject)
        if count is None:
            return
        window = int(now // limit.seconds)
        if count.window == window and count.known:
            count.known -= 1
            count.unshared -= 1
            if count.unshared < 0:  # it was shared already
                self._due[limit.name, subject] = limit, count
        elif count.window == window + 1 and count.before:
            count.before -= 1

    def _count(self, limit: Limit, subject: str, now: float) -> Count:
        window = int(now // limit.seconds)
        counts = self._counts.get(limit.name)
        if counts is None:
            counts = self._counts[limit.name] = OrderedDict()
        count = counts.get(subject)
        if count is None:
            count = counts[subject] = Count(window)
            if len(counts) > self._subjects_max:
                counts.popitem(last=False)
        else:
            counts.move_to_end(subject)
            if window != count.window:
                count.roll(window)
        return count

    def shares(self, most: int) -> list[Share]:
        """Return at most `most` counts to share now, those due longest first."""
        shares = []
        for name, subject in list(self._due)[:most]:
            limit, count = self._due.pop((name, subject))
            if count.unshared:
                shares.append(Share(limit, subject, count.window, count.unshared))
                count.unshared = 0
        self.hurry = False
        return shares

    def learn(self, share: Share, total: int) -> None:
        """Record that all processes together counted `total` attempts in the share's window."""
        count = self._known(share)
        if count is None:
            return
        if count.window == share.window:
            count.known = max(count.known, total + count.unshared)
        elif count.window == share.window + 1:
            count.before = max(count.before, total)

    def _known(self, share: Share) -> Count | None:
        counts = self._counts.get(share.limit.name)
        return None if counts is None else counts.get(share.subject)

    def mark_due(self, share: Share) -> None:
        """Mark a share as due again because it did not reach the other processes."""
        count = self._known(share)
        if count is not None and count.window == share.window:
            count.unshared += share.tries
            self._due[share.limit.name, share.subject] = share.limit, count


def _wait(limit: Limit, count: Count, now: float) -> int:
    """Return the whole seconds until another attempt is within the limit; 0 if it is now."""
    elapsed = now % limit.seconds
    left = limit.seconds - elapsed
    if count.known + count.before * left / limit.seconds + 1 <= limit.most:
        return 0
    if count.known < limit.most:
        # Room is made as the weight of the previous window falls.
        room = limit.most - count.known - 1
        return max(1, math.ceil(left - limit.seconds * room / count.before))
    # There is no room before this window has ended and its weight falls.
    return max(1, math.ceil(left + limit.seconds * (1 - (limit.most - 1) / count.known)))
