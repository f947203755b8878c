"""The platform's state for citizens: from memory, so that it works when all else fails."""

from __future__ import annotations

from guahao.clock import uptime
from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.rules.operations.status import PublicStatus, public_status
from guahao.store.kernel.db import DatabaseState

# No request waits for as long: a lane with an older batch is stuck.
STUCK_SECONDS = 6.0


def status_now(platform: Platform, desk: Desk) -> PublicStatus:
    """Return the platform's state as this process knows it; asks nothing."""
    watch = platform.db.watch
    is_booking = (
        platform.db.state is DatabaseState.ALIVE
        and (watch is None or not watch.is_wrong)
        and desk.oldest_seconds <= STUCK_SECONDS
    )
    observed = platform.observed
    age_seconds = uptime() - observed.taken_at
    return public_status(observed.facts, age_seconds, is_booking=is_booking)
