"""What stands against a person's next booking before a place is chosen (S12, S16).

The same law as the desk's, asked for every date of the horizon instead of for a session. What
depends on the place, such as a second booking in a department, is left to the check of a session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import get_args

from guahao.rules.booking.booking import LimitReason, limit_refusal
from guahao.rules.kernel.facts import PatientFacts, SessionFacts
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules, Policy, add_months

_NOWHERE = 0  # no hospital and no department
_NARROWEST_FIRST = get_args(LimitReason)


@dataclass(frozen=True, slots=True)
class ClosedDates:
    """Dates on which a limit refuses any booking, and the visits that it counts."""

    first: date
    last: date
    reason: LimitReason
    visits: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What stands against a person's bookings.

    `suspended_until`: the day of the suspension's end. `is_unchecked`: the person must be checked
    before the next booking. `last`: the furthest date that the policy allows.
    """

    suspended_until: date | None
    is_unchecked: bool
    closed: tuple[ClosedDates, ...]
    first: date
    last: date

    def refuses(self, day: date) -> bool:
        """Return whether no visit on that date can be booked, wherever it is."""
        return (
            self.suspended_until is not None
            or self.is_unchecked
            or any(dates.first <= day <= dates.last for dates in self.closed)
        )

    @property
    def refuses_all(self) -> bool:
        """Return whether nothing can be booked now."""
        days = (date.fromordinal(n) for n in range(self.first.toordinal(), self.last.toordinal()))
        return all(self.refuses(day) for day in [*days, self.last])


def outlook(patient: PatientFacts, at: datetime, policy: Policy, *, checks_names: bool) -> Outlook:
    """Return what stands against any booking of this person at `at`."""
    first = at.date() + ONE_DAY
    last = add_months(at.date(), policy.horizon_months)
    until = patient.suspended_until
    live = sum(counted.is_live for counted in patient.counted)
    return Outlook(
        suspended_until=until if until is not None and at.date() < until else None,
        is_unchecked=(
            checks_names and not patient.is_checked and live >= policy.unchecked_live_bookings
        ),
        closed=tuple(_closed(patient, at, first, last, policy)),
        first=first,
        last=last,
    )


def _closed(
    patient: PatientFacts, at: datetime, first: date, last: date, policy: Policy
) -> list[ClosedDates]:
    """Return the closed dates from `first` on; their visits may lie before."""
    visits = sorted(counted.visit_date for counted in patient.counted)
    if not visits:
        return []
    begin = min(visits[0], first).toordinal()
    days = [date.fromordinal(n) for n in range(begin, last.toordinal() + 1)]
    reasons = {day: _reason(patient, day, at, policy) for day in days}
    found = []
    for is_closed, group in groupby(days, lambda day: reasons[day] is not None):
        dates = list(group)
        if is_closed and dates[-1] >= first:
            # A full day within a full week is told as the week, which holds for longer.
            reason = max((r for day in dates if (r := reasons[day])), key=_NARROWEST_FIRST.index)
            counted = tuple(visit for visit in visits if dates[0] <= visit <= dates[-1])
            found.append(ClosedDates(max(dates[0], first), dates[-1], reason, counted))
    return found


def _reason(patient: PatientFacts, day: date, at: datetime, policy: Policy) -> LimitReason | None:
    anywhere = SessionFacts(
        0, _NOWHERE, _NOWHERE, day, "morning", 1, 0, stopped=False, rules=HospitalRules()
    )
    refused = limit_refusal(anywhere, patient.counted, at, policy)
    return None if refused is None else refused.reason
