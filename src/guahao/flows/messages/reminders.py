"""The evening before a visit, whoever booked it is reminded."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.releasing import city_time
from guahao.store.messages import messages

REMINDED_FROM = time(18, 0)  # the city's clock, on the day before the visit
# Who books later than this before the reminders has the same words before their eyes still.
JUST_BOOKED = timedelta(hours=1)
REMINDED_AT_ONCE = 2048  # in one transaction


async def remind(platform: Platform) -> int:
    """Remind everybody who visits a hospital tomorrow; how many were reminded.

    Nothing before 18:00. Each appointment once, however often, late or in how many workers
    this runs: until midnight, what was missed is caught up. Not of bookings cancelled, stopped
    or made from 17:00 on (their success notice said it all), nor where there is no account.
    """
    total = 0
    while reminded := await _remind_some(platform):
        total += reminded
    return total


async def _remind_some(platform: Platform) -> int:
    async with platform.db.transaction() as tx:
        visit_date = _visit_date(tx.now)
        if visit_date is None:
            return 0
        booked_before = city_time(visit_date - ONE_DAY, REMINDED_FROM) - JUST_BOOKED
        return await messages.remind(tx, visit_date, booked_before, REMINDED_AT_ONCE)


def _visit_date(now: datetime) -> date | None:
    """Of which date's visits people are reminded now."""
    return now.date() + ONE_DAY if now.time() >= REMINDED_FROM else None
