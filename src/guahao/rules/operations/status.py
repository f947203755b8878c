"""What citizens see of the platform: in steps, never in figures that would help an attack."""

from __future__ import annotations

import math
from dataclasses import dataclass

from guahao.rules.operations.checks import (
    MESSAGE_WARNING_SECONDS,
    MINUTE,
    URGENT_KINDS,
    URGENT_WARNING_SECONDS,
    is_behind,
)
from guahao.rules.operations.facts import Facts, HospitalQueue, Maintenance

STALE_SECONDS = 60.0  # then what was measured is no answer any more
DELAY_STEP_MINUTES = 5
DELAY_MOST_MINUTES = 60


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """How the platform does. None: not known at the moment.

    `delay_minutes`: of messages, 0 where they are on time. `hospitals`: whose systems do not
    answer. `age_seconds`: of what was measured.
    """

    is_booking: bool
    delay_minutes: int | None
    hospitals: tuple[HospitalQueue, ...] | None
    maintenance: tuple[Maintenance, ...]
    age_seconds: float | None


def public_status(facts: Facts | None, age_seconds: float, *, is_booking: bool) -> PublicStatus:
    """Decide what is shown; planned maintenance stays known however old it is."""
    if facts is None:
        return PublicStatus(is_booking, None, None, (), None)
    maintenance = facts.maintenance or ()
    if age_seconds > STALE_SECONDS:
        return PublicStatus(is_booking, None, None, maintenance, age_seconds)
    hospitals = facts.hospitals
    if hospitals is not None:
        hospitals = tuple(one for one in hospitals if is_behind(one))
    return PublicStatus(is_booking, delay_minutes(facts), hospitals, maintenance, age_seconds)


def delay_minutes(facts: Facts) -> int | None:
    """Return by how much messages may be late, rounded up; 0: they are on time."""
    if facts.undelivered is None or facts.workers is None:
        return None
    late = [
        one.oldest_seconds
        for one in facts.undelivered
        if one.oldest_seconds
        > (URGENT_WARNING_SECONDS if one.kind in URGENT_KINDS else MESSAGE_WARNING_SECONDS)
    ]
    if not late and facts.workers.alive:
        return 0
    steps = math.ceil(max(late, default=0) / MINUTE / DELAY_STEP_MINUTES)
    return min(max(steps, 1) * DELAY_STEP_MINUTES, DELAY_MOST_MINUTES)
