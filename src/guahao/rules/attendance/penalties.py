"""No-shows and what follows from them (S15, S16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from guahao.rules.kernel.limits import Policy, add_months
from guahao.rules.kernel.policies import DatedPolicies


@dataclass(frozen=True, slots=True)
class Suspension:
    """The right to book is suspended on `start <= day < end`."""

    start: date
    end: date


def is_attendance_known(*, reported: bool, any_pick_up: bool) -> bool:
    """Return whether a session's no-shows can be told from a lost connection (S16).

    `reported`: the hospital closed the session or reported its attendance. `any_pick_up`:
    whether the hospital handed out a number on the visit date, in any of its sessions.
    """
    return reported or any_pick_up


def void_status(attendance_known: bool, *, is_substituted: bool = False) -> str:
    """Return what a booking not picked up becomes: a no-show only where attendance is known.

    A lost message must never punish a patient; `unverified` waits for the hospital. Nor is it a
    no-show not to come to another doctor than the one who was booked.
    """
    return "no_show" if attendance_known and not is_substituted else "unverified"


def suspensions(no_shows: Iterable[date], policy: Policy) -> list[Suspension]:
    """Return every suspension that follows from the visit dates of a person's no-shows.

    Within one calendar year the 3rd suspends for three months, the 6th for six, each
    from its own visit date; the others add nothing. In order of start.
    """
    return suspensions_by_date(no_shows, DatedPolicies(policy), date.max)


def suspensions_by_date(
    no_shows: Iterable[date], policies: DatedPolicies, today: date
) -> list[Suspension]:
    """Return the same where the policy changed: nobody is punished more than on the visit date.

    A no-show is judged by the policy of its own visit date. A policy that begins later judges
    what is suspended by then anew, and ends or shortens it where it is kinder (从旧兼从轻); it
    never begins or lengthens a suspension.
    """
    by_year: defaultdict[int, list[date]] = defaultdict(list)
    for day in sorted(no_shows):
        by_year[day.year].append(day)
    held = _held(policies, today)
    found = [
        suspension
        for days in by_year.values()
        for step in (_first_step, _second_step)
        if (suspension := _lived(days, held, step)) is not None
    ]
    return sorted(found, key=lambda suspension: suspension.start)


_Step = Callable[[Policy], tuple[int, int]]  # at how many no-shows, for how many months
_Held = tuple[date, date, Policy]  # a policy held on from <= day < until


def _first_step(policy: Policy) -> tuple[int, int]:
    return policy.first_suspension_no_shows, policy.first_suspension_months


def _second_step(policy: Policy) -> tuple[int, int]:
    return policy.second_suspension_no_shows, policy.second_suspension_months


def _held(policies: DatedPolicies, today: date) -> list[_Held]:
    rows = sorted(policies.rows, key=lambda row: row.holds_from)
    begun = [(row.holds_from, row.policy) for row in rows if row.holds_from <= today]
    starts = [(date.min, policies.first), *begun]
    ends = [start for start, _ in begun] + [date.max]
    return [(start, end, policy) for (start, policy), end in zip(starts, ends, strict=True)]


def _lived(days: list[date], held: list[_Held], step: _Step) -> Suspension | None:
    """Return what one step of a calendar year has come to, policy after policy."""
    current: Suspension | None = None
    for start, end, policy in held:
        if current is not None:
            current = _kinder(current, _first_at(days, step(policy), current.start, start))
        if current is None:
            current = _first_at(days, step(policy), start, end)
    return current


def _first_at(
    days: list[date], step: tuple[int, int], since: date, until: date
) -> Suspension | None:
    """Return the suspension by the first no-show on since <= day < until that reaches the count."""
    count, months = step
    for nth, day in enumerate(days, start=1):
        if since <= day < until and 1 <= count <= nth and months > 0:
            return Suspension(day, add_months(day, months))
    return None


def _kinder(current: Suspension, judged_anew: Suspension | None) -> Suspension | None:
    if judged_anew is None:
        return None
    return Suspension(current.start, min(current.end, judged_anew.end))


def merged(found: Iterable[Suspension]) -> list[Suspension]:
    """Return suspensions by start, those that overlap or meet as one: the later end counts."""
    spans: list[Suspension] = []
    for one in found:
        if spans and one.start <= spans[-1].end:
            spans[-1] = Suspension(spans[-1].start, max(spans[-1].end, one.end))
        else:
            spans.append(one)
    return spans


def suspended_until(no_shows: Iterable[date], policy: Policy) -> date | None:
    """Return the end of the latest suspension, exclusive; overlaps take the later end.

    A no-show lies in the past, so every suspension has begun: its end is enough to decide.
    """
    return _latest_end(suspensions(no_shows, policy))


def suspended_until_by_date(
    no_shows: Iterable[date], policies: DatedPolicies, today: date
) -> date | None:
    """Return the same where the policy changed."""
    return _latest_end(suspensions_by_date(no_shows, policies, today))


def _latest_end(found: list[Suspension]) -> date | None:
    return max((one.end for one in found), default=None)
