"""The state of a simulated season: its clock, its department, who waits, what was counted."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import count
from random import Random

from guahao.rules.kernel.limits import CITY_TIME
from guahao.tools.bench.fairness.agents import Assumptions, Buys, Holder, Mechanism, Release, Seeker
from guahao.tools.bench.fairness.department import Department
from guahao.tools.bench.fairness.figures import Tally

FIRST_DAY = date(2026, 3, 2)
WARM_UP_DAYS = 14  # until as many people leave as come


class World:
    """A season of a department under one mechanism, reproducible by its seed."""

    def __init__(self, mechanism: Mechanism, assumed: Assumptions, seed: int) -> None:
        self.mechanism = mechanism
        self.assumed = assumed
        self.random = Random(f"{mechanism.name} {seed}")
        personal = mechanism.release is Release.PERSONAL_MOMENT
        secret = self.random.randbytes(32) if personal else None
        self.department = Department(assumed.places, assumed.cycle_days, secret)
        self.tally = Tally()
        self.counts_from = _start_of(FIRST_DAY + timedelta(days=WARM_UP_DAYS))
        self.ends = self.counts_from + timedelta(days=assumed.days)
        self.now = _start_of(FIRST_DAY)
        self.holders = {id: Holder(id) for id in range(1, assumed.bots + 1)}
        # Who still wait, and of them those in whose name the scalper races, and those on the web
        # who have no scalper.
        self.seekers: dict[int, Seeker] = {}
        self.raced: dict[int, Seeker] = {}
        self.web: dict[int, Seeker] = {}
        self.queues: dict[date, list[int]] = {}  # of the first-in-first-out waitlist
        # Returned places by the moment of their draw: their date, and for whom it was cancelled.
        self.held: dict[datetime, list[tuple[date, int | None]]] = {}
        self.ids = count(assumed.bots + 1)
        self.draw_ids = count(1)
        self.plans_after_winning: Callable[[Seeker, date], None] = lambda _seeker, _date: None
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._event_numbers = count()

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Do something at a later moment."""
        heapq.heappush(self._events, (moment, next(self._event_numbers), action))

    def run(self) -> None:
        """Let time pass until the season ends."""
        while self._events and self._events[0][0] < self.ends:
            self.now, _, action = heapq.heappop(self._events)
            action()

    @property
    def counting(self) -> bool:
        """Return whether the warm-up is over."""
        return self.now >= self.counts_from

    def later(self, seconds: float) -> datetime:
        """Return the moment so many seconds from now."""
        return self.now + timedelta(seconds=seconds)

    def between(self, earliest: datetime, latest: datetime) -> datetime:
        """Return a random moment."""
        return earliest + (latest - earliest) * self.random.random()

    def log_normal(self, shape: tuple[float, float]) -> float:
        """Return a person's delay in seconds; `shape`: its median and sigma."""
        median, sigma = shape
        return self.random.lognormvariate(math.log(median), sigma)

    def bot_delay(self) -> float:
        """Return how long a program's request is under way, in seconds."""
        return self.random.uniform(*self.assumed.bot_latency)

    def arrive(self, seeker: Seeker) -> None:
        """Let a seeker wait for a place."""
        self.seekers[seeker.id] = seeker
        if seeker.buys is Buys.RACE:
            self.raced[seeker.id] = seeker
        elif seeker.buys is None and not seeker.on_phone:
            self.web[seeker.id] = seeker

    def give(self, asked: Sequence[int], won: Sequence[tuple[int, date]]) -> None:
        """Hand places that were just booked to their winners.

        `asked`: among whom they were given out, for the count; empty where a place that was
        counted before is only passed on.
        """
        if self.counting and asked:
            each = len(won) / len(asked)
            raced = sum(id in self.raced for id in asked)
            raced_won = sum(id in self.raced for id, _ in won)
            self.tally.bots_won += sum(id in self.holders for id, _ in won) + raced_won
            self.tally.bots_expected += (sum(id in self.holders for id in asked) + raced) * each
            self.tally.raced_won += raced_won
            self.tally.raced_expected += raced * each
        for id, visit_date in won:
            if id in self.holders:
                self.holders[id].holds.append(visit_date)
                self.holders[id].lost = 0
            else:
                seeker = self.seekers[id]
                self.leave(seeker, got=True)
                self.plans_after_winning(seeker, visit_date)

    def leave(self, seeker: Seeker, *, got: bool) -> None:
        """Let a seeker go, with a place or without, and count those without a scalper."""
        del self.seekers[seeker.id]
        self.raced.pop(seeker.id, None)
        self.web.pop(seeker.id, None)
        # Count only those whose patience ends within the season, however they fare.
        is_counted = seeker.arrived >= self.counts_from and _start_of(seeker.leaves) < self.ends
        if seeker.buys is not None or not is_counted:
            return
        if seeker.on_phone:
            self.tally.phone += 1
            self.tally.phone_got += got
        else:
            self.tally.web += 1
            self.tally.web_got += got


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CITY_TIME)
