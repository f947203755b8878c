"""No-shows and what follows from them (S15, S16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from guahao.rules.limits import Policy, add_months
from guahao.rules.policies import DatedPolicies


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
    return _judged(no_shows, lambda _: policy)


def suspensions_by_date(
    no_shows: Iterable[date], policies: DatedPolicies, today: date
) -> list[Suspension]:
    """The same where the policy changed: nobody is punished more than on the visit date.

    Each no-show is judged by the policy of its own visit date; and where a policy that has
    begun since would have been kinder, by that one (从旧兼从轻). So a policy that begins can
    end a suspension or shorten it, never begin or lengthen one.
    """
    days = list(no_shows)
    if not policies.rows:
        return suspensions(days, policies.first)
    begun = [row.holds_from for row in policies.rows if row.holds_from <= today]
    views = [
        _judged(days, lambda day, since=since: policies.on(max(day, since)))  # type: ignore[misc]
        for since in (date.min, *begun)
    ]
    return min(views, key=lambda found: _latest_end(found) or date.min)


def _judged(no_shows: Iterable[date], policy_of: Callable[[date], Policy]) -> list[Suspension]:
    """Each step suspends once a calendar year: by the first no-show that reaches its count."""
    by_year: defaultdict[int, list[date]] = defaultdict(list)
    for day in sorted(no_shows):
        by_year[day.year].append(day)
    found = [
        suspension
        for days in by_year.values()
        for step in (_first_step, _second_step)
        if (suspension := _suspension(days, step, policy_of)) is not None
    ]
    return sorted(found, key=lambda suspension: suspension.start)


def _suspension(
    days: list[date], step: Callable[[Policy], tuple[int, int]], policy_of: Callable[[date], Policy]
) -> Suspension | None:
    for nth, day in enumerate(days, start=1):
        count, months = step(policy_of(day))
        if 1 <= count <= nth and months > 0:
            return Suspension(day, add_months(day, months))
    return None


def _first_step(policy: Policy) -> tuple[int, int]:
    return policy.first_suspension_no_shows, policy.first_suspension_months


def _second_step(policy: Policy) -> tuple[int, int]:
    return policy.second_suspension_no_shows, policy.second_suspension_months


def suspended_until(no_shows: Iterable[date], policy: Policy) -> date | None:
    """The end of the latest suspension, exclusive; overlaps take the later end.

    A no-show lies in the past, so every suspension has begun: its end is enough to decide.
    """
    return _latest_end(suspensions(no_shows, policy))


def suspended_until_by_date(
    no_shows: Iterable[date], policies: DatedPolicies, today: date
) -> date | None:
    """The same where the policy changed."""
    return _latest_end(suspensions_by_date(no_shows, policies, today))


def _latest_end(found: list[Suspension]) -> date | None:
    return max((one.end for one in found), default=None)
