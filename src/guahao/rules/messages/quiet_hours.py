"""Quiet hours: at night only messages that cannot wait until the morning are sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from guahao.rules.kernel.limits import ONE_DAY, Policy

SOON = timedelta(hours=12)
# Where a hospital gives a session no start of its own.
_PERIOD_STARTS = {"morning": time(8, 0), "afternoon": time(13, 0), "evening": time(17, 30)}
# Of a visit that is over, nothing is urgent.
_TO_COME = frozenset({"booked", "stopped", "cancelled"})


def quiet_until(now: datetime, policy: Policy) -> datetime | None:
    """Return the end of the quiet hours that contain `now`; None outside them.

    They may reach over midnight; where they begin and end at the same time there are none.
    """
    begin, end, clock = policy.quiet_from, policy.quiet_until, now.time()
    if begin <= end:
        ends_on = now.date() if begin <= clock < end else None
    elif clock >= begin:
        ends_on = now.date() + ONE_DAY
    else:
        ends_on = now.date() if clock < end else None
    return None if ends_on is None else datetime.combine(ends_on, end, now.tzinfo)


def visit_start(visit_date: date, period: str, starts_at: time | None, now: datetime) -> datetime:
    """Return when a visit begins, in the zone of `now`."""
    return datetime.combine(visit_date, starts_at or _PERIOD_STARTS[period], now.tzinfo)


def held_until(
    moments: Iterable[datetime],
    policy: Policy,
    *,
    expires_at: datetime | None = None,
    status: str | None = None,
    visit: datetime | None = None,
) -> datetime | None:
    """Return until when a message waits, None where it goes now.

    `moments`: what time it may be; a message goes only where it may go at every one of them,
    so that a clock that jumps to the morning and back sends nothing at night. `expires_at`:
    somebody waits for what expires (one-time passwords, the codes of calls and moves), so it
    goes now, also shortly before the quiet hours end. `status` and `visit`: of the booking
    that it is about; what concerns a visit within SOON goes now.
    """
    holds = []
    for now in moments:
        end = quiet_until(now, policy)
        if end is None or expires_at is not None:
            continue
        is_soon = visit is not None and now.date() <= visit.date() and visit - now <= SOON
        if is_soon and status in _TO_COME:
            continue
        holds.append(end)
    return max(holds, default=None)
