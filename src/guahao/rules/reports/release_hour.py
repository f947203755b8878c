"""When places were released last and will be next, and in which steps that hour is shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.releasing import Held, city_time, furthest

WATCHED = timedelta(hours=1)  # from a release on
_EARLIER = timedelta(microseconds=1)
# How long after the release which steps are fine enough to see and few enough to draw.
_STEPS = (
    (timedelta(seconds=60), timedelta(seconds=1)),
    (timedelta(minutes=10), timedelta(seconds=10)),
    (WATCHED, timedelta(minutes=1)),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """Visit dates of a hospital, both included, that a release opened."""

    hospital_id: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class ReleaseMoment:
    """A moment at which hospitals released places, and the visit dates that it opened.

    None at the end of some months: three months after 30 November is 28 February, as on the 28th.
    """

    at: datetime
    hospitals: int
    opened: tuple[Opened, ...]

    def is_on(self, now: datetime) -> bool:
        """Return whether the hour after it is not over."""
        return self.at <= now < self.at + WATCHED


@dataclass(frozen=True, slots=True)
class Releases:
    """The last release of every hospital, the newest first, and the next of all."""

    last: tuple[ReleaseMoment, ...]
    next_at: datetime
    next_hospitals: int

    def chosen(self, now: datetime, at: datetime | None) -> ReleaseMoment:
        """Return the release of this moment; else the one that is on, else the largest."""
        of_moment = [release for release in self.last if release.at == at]
        on = [release for release in self.last if release.is_on(now)]
        return next(iter(of_moment or on), max(self.last, key=lambda release: release.hospitals))


def releases(held: Mapping[int, Sequence[Held]], now: datetime) -> Releases | None:
    """Return the releases around `now`; None where there is no hospital."""
    if not held:
        return None
    last: defaultdict[datetime, list[Opened | None]] = defaultdict(list)
    for id, rules in held.items():
        at = _release(rules, now, -ONE_DAY)
        last[at].append(_opened(id, rules, at.date()))
    following = [_release(rules, now + _EARLIER, ONE_DAY) for rules in held.values()]
    return Releases(
        tuple(
            ReleaseMoment(
                at, len(last[at]), tuple(dates for dates in last[at] if dates is not None)
            )
            for at in sorted(last, reverse=True)
        ),
        min(following),
        following.count(min(following)),
    )


def _release(held: Sequence[Held], now: datetime, step: timedelta) -> datetime:
    """Return today's release, or that of a day before or after where `now` is on its other side."""
    at = city_time(now.date(), _on(held, now.date()).rules.release_time)
    if (at > now) if step < timedelta() else (at < now):
        day = now.date() + step
        at = city_time(day, _on(held, day).rules.release_time)
    return at


def _on(held: Sequence[Held], day: date) -> Held:
    return [one for one in held if one.begins <= day][-1]


def _opened(hospital_id: int, held: Sequence[Held], day: date) -> Opened | None:
    before, now = _on(held, day - ONE_DAY), _on(held, day)
    first = furthest(day - ONE_DAY, before.rules, before.policy) + ONE_DAY
    last = furthest(day, now.rules, now.policy)
    return Opened(hospital_id, first, last) if first <= last else None


def step_of(elapsed: timedelta) -> timedelta:
    """Return the length of a step in which so much of the hour is shown."""
    return next((step for until, step in _STEPS if elapsed <= until), _STEPS[-1][1])


def in_steps(
    by_second: Mapping[int, Mapping[str, int]], elapsed: timedelta, step: timedelta
) -> list[Counter[str]]:
    """Add seconds up to steps, including those in which nothing happened."""
    seconds = step // timedelta(seconds=1)
    steps: list[Counter[str]] = [
        Counter() for _ in range(max(1, -(-elapsed // timedelta(seconds=seconds))))
    ]
    for second, counts in by_second.items():
        steps[min(max(second, 0) // seconds, len(steps) - 1)].update(counts)
    return steps
