"""Remind patients on the evening before their visit."""

from __future__ import annotations

from datetime import time, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.releasing import city_time
from guahao.store.messages import messages

REMINDED_FROM = time(18, 0)  # the city's clock, on the day before the visit
# A patient who books later than this before the reminders has just read the same message.
JUST_BOOKED = timedelta(hours=1)
SESSIONS_AT_ONCE = 50  # in one transaction


async def remind(platform: Platform) -> int:
    """Remind everybody who visits a hospital tomorrow; return how many were reminded.

    Nothing before 18:00. Each appointment is reminded once, however often, late or in how many
    workers this runs: what was missed is caught up until midnight. Left out are bookings
    that are cancelled, stopped, without an account, or made from 17:00 on, just before.
    """
    async with platform.db.transaction() as tx:
        if tx.now.time() < REMINDED_FROM:
            return 0
        today = tx.now.date()
        ids = await messages.sessions_to_remind_of(tx, today + ONE_DAY)
    booked_before = city_time(today, REMINDED_FROM) - JUST_BOOKED
    total = 0
    for start in range(0, len(ids), SESSIONS_AT_ONCE):
        async with platform.db.transaction() as tx:
            if tx.now.date() != today:
                break
            chunk = ids[start : start + SESSIONS_AT_ONCE]
            total += await messages.remind(tx, chunk, booked_before)
    return total
