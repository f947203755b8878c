"""How often something may be tried: sliding windows, counted in bounded memory.

A window's estimate is what was counted in it, plus the part of the window before that a
window ending now still covers. A try that is refused is not counted, so that a caller who
slows down is served again, and a caller who does not is served at the limit's rate.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

SUBJECTS_MAX = 100_000  # a limit; about 20 MB
_SHARE = 20  # a subject is shared with other processes from a twentieth of its limit on
_AT_ONCE = 4  # and at once when it used a quarter of its limit since it was last shared


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries of one subject in any `seconds`."""

    name: str
    most: int
    seconds: int


class Count:
    """What is known of one subject: tries of all processes as far as they were shared."""

    __slots__ = ("before", "known", "unshared", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.before = 0  # tries in the window before
        self.known = 0  # tries in this window
        self.unshared = 0  # those of them that only this process knows

    def roll(self, window: int) -> None:
        """Move on to the window that contains now."""
        if window != self.window:
            self.before = self.known if window == self.window + 1 else 0
            self.window, self.known, self.unshared = window, 0, 0


@dataclass(frozen=True, slots=True)
class Share:
    """Tries of this process that others must hear of."""

    limit: Limit
    subject: str
    window: int
    tries: int


class Rates:
    """The counts of one process; the least recently seen subjects are forgotten first.

    Each limit has a memory of its own: a flood of addresses forgets no account.
    """

    def __init__(self, subjects_max: int = SUBJECTS_MAX) -> None:
        self._subjects_max = subjects_max
        self._counts: dict[Limit, OrderedDict[str, Count]] = {}
        self._due: dict[tuple[Limit, str], Count] = {}
        self.hurry = False  # a subject spends its limit faster than the counts are shared

    def attempt(self, limit: Limit, subject: str, now: float) -> int | None:
        """Count one try at `now` (Unix seconds); None, or the seconds to wait where it is
        one too many.
        """
        return self.attempt_all(((limit, subject),), now)

    def attempt_all(self, tried: Iterable[tuple[Limit, str]], now: float) -> int | None:
        """Count one try against each limit, or against none where one of them refuses."""
        counts = [(limit, subject, self._count(limit, subject, now)) for limit, subject in tried]
        waits = [_wait(limit, count, now) for limit, _, count in counts]
        if any(waits):
            return max(waits)
        for limit, subject, count in counts:
            count.known += 1
            count.unshared += 1
            if count.known * _SHARE >= limit.most:
                self._due[limit, subject] = count
                if count.unshared * _AT_ONCE >= limit.most:
                    self.hurry = True
        return None

    def undo(self, limit: Limit, subject: str, now: float) -> None:
        """Take back a try that was counted at `now`: it came to nothing."""
        counts = self._counts.get(limit)
        count = None if counts is None else counts.get(subject)
        if count is None:
            return
        window = int(now // limit.seconds)
        if count.window == window and count.known:
            count.known -= 1
            count.unshared -= 1
            if count.unshared < 0:  # others were told of it
                self._due[limit, subject] = count
        elif count.window == window + 1 and count.before:
            count.before -= 1

    def _count(self, limit: Limit, subject: str, now: float) -> Count:
        window = int(now // limit.seconds)
        counts = self._counts.setdefault(limit, OrderedDict())
        count = counts.get(subject)
        if count is None:
            count = counts[subject] = Count(window)
            if len(counts) > self._subjects_max:
                counts.popitem(last=False)
        else:
            counts.move_to_end(subject)
            count.roll(window)
        return count

    def shares(self, most: int) -> list[Share]:
        """What is to be shared now, at most so many, the longest due first."""
        shares = []
        for limit, subject in list(self._due)[:most]:
            count = self._due.pop((limit, subject))
            if count.unshared:
                shares.append(Share(limit, subject, count.window, count.unshared))
                count.unshared = 0
        self.hurry = False
        return shares

    def learn(self, share: Share, total: int) -> None:
        """All processes together have counted `total` tries of the share's window."""
        count = self._known(share)
        if count is None:
            return
        if count.window == share.window:
            count.known = max(count.known, total + count.unshared)
        elif count.window == share.window + 1:
            count.before = max(count.before, total)

    def _known(self, share: Share) -> Count | None:
        counts = self._counts.get(share.limit)
        return None if counts is None else counts.get(share.subject)

    def give_back(self, share: Share) -> None:
        """A share did not reach the others: it is due again."""
        count = self._known(share)
        if count is not None and count.window == share.window:
            count.unshared += share.tries
            self._due[share.limit, share.subject] = count


def _wait(limit: Limit, count: Count, now: float) -> int:
    """Whole seconds until one more try stays within the limit; 0: it does now."""
    elapsed = now % limit.seconds
    left = limit.seconds - elapsed
    if count.known + count.before * left / limit.seconds + 1 <= limit.most:
        return 0
    if count.known < limit.most:
        # The window before fades until there is room beside this one's tries.
        room = limit.most - count.known - 1
        return max(1, math.ceil(left - limit.seconds * room / count.before))
    # This window must first end, and then fade as well.
    return max(1, math.ceil(left + limit.seconds * (1 - (limit.most - 1) / count.known)))
