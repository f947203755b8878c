"""When the periodic tasks run (cron, UTC), and when one is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

GRACE = timedelta(minutes=5)  # for the run itself, and for a worker that restarts
MISSED_RUNS = 2  # then it is late


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron line, and the longest time between two of its runs."""

    cron: str
    every: timedelta

    @property
    def late_after(self) -> timedelta:
        """Return how old the last success may be."""
        return MISSED_RUNS * self.every + GRACE


SCHEDULES: Mapping[str, Schedule] = {
    "wake_pushers": Schedule("* * * * * */2", timedelta(seconds=2)),
    "redeliver_urgent": Schedule("* * * * * */5", timedelta(seconds=5)),
    "redeliver": Schedule("* * * * * */10", timedelta(seconds=10)),
    "retry_stalled": Schedule("* * * * * */10", timedelta(seconds=10)),
    "carry_on_stops": Schedule("* * * * *", timedelta(minutes=1)),
    "lapse_replacements": Schedule("* * * * *", timedelta(minutes=1)),
    "carry_on_imports": Schedule("* * * * *", timedelta(minutes=1)),
    "make_call_tasks": Schedule("* * * * *", timedelta(minutes=1)),
    "send_trail_head": Schedule("* * * * *", timedelta(minutes=1)),
    "hold_draws": Schedule("* * * * *", timedelta(minutes=1)),
    "begin_policies": Schedule("* * * * *", timedelta(minutes=1)),
    "void_sweep": Schedule("*/5 * * * *", timedelta(minutes=5)),
    "remind": Schedule("*/5 * * * *", timedelta(minutes=5)),
    "record_staff_bookings": Schedule("*/5 * * * *", timedelta(minutes=5)),
    "settle_merges": Schedule("*/5 * * * *", timedelta(minutes=5)),
    "index_names": Schedule("*/10 * * * *", timedelta(minutes=10)),
    "ask_for_receipts": Schedule("*/10 * * * *", timedelta(minutes=10)),
    "expire_applications": Schedule("5 * * * *", timedelta(hours=1)),
    "retire_codes": Schedule("10 * * * *", timedelta(hours=1)),
    "roll_forward": Schedule("20 * * * *", timedelta(hours=1)),
    "find_accounts_to_review": Schedule("25 * * * *", timedelta(hours=1)),
    "purge": Schedule("30 * * * *", timedelta(hours=1)),
    "purge_jobs": Schedule("40 * * * *", timedelta(hours=1)),
    "follow_release_modes": Schedule("50 18 * * *", timedelta(days=1)),  # 02:50 in the city
    "delete_old": Schedule("10 19 * * *", timedelta(days=1)),  # 03:10 in the city
}
