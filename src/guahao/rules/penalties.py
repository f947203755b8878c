"""No-shows and what follows from them (S15, S16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from guahao.rules.limits import Policy, add_months


@dataclass(frozen=True, slots=True)
class Suspension:
    """The right to book is suspended on `start <= day < end`."""

    start: date
    end: date


def void_status(attendance_known: bool) -> str:
    """What a booking not picked up becomes: a no-show only where attendance is known.

    A lost message must never punish a patient; `unverified` waits for the hospital.
    """
    return "no_show" if attendance_known else "unverified"


def suspensions(no_shows: Iterable[date], policy: Policy) -> list[Suspension]:
    """Every suspension that follows from the visit dates of a person's no-shows.

    Within one calendar year the 3rd suspends for three months, the 6th for six, each
    from its own visit date; the others add nothing. In order of start.
    """
    by_year: defaultdict[int, list[date]] = defaultdict(list)
    for day in sorted(no_shows):
        by_year[day.year].append(day)
    steps = (
        (policy.first_suspension_no_shows, policy.first_suspension_months),
        (policy.second_suspension_no_shows, policy.second_suspension_months),
    )
    found = [
        Suspension(days[nth - 1], add_months(days[nth - 1], months))
        for days in by_year.values()
        for nth, months in steps
        if 1 <= nth <= len(days) and months > 0
    ]
    return sorted(found, key=lambda suspension: suspension.start)


def suspended_until(no_shows: Iterable[date], policy: Policy) -> date | None:
    """The end of the latest suspension, exclusive; overlaps take the later end.

    A no-show lies in the past, so every suspension has begun: its end is enough to decide.
    """
    return max((s.end for s in suspensions(no_shows, policy)), default=None)
