"""When the SMS of a booking is sent again at the patient's own request."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

RESENT_AN_HOUR = 3  # by the patient and by agents together


class ResendRefusal(StrEnum):
    """Why the SMS is not sent again, in order of precedence."""

    UNKNOWN = "unknown_appointment"
    NOT_LIVE = "resend_not_live"
    TOO_OFTEN = "resend_too_often"


def decide_own_resend(
    status: str, pickup_until: datetime, resent: int, at: datetime
) -> ResendRefusal | None:
    """Return why the SMS is not sent again, or None; `resent`: in this hour, with this time."""
    if status != "booked" or at >= pickup_until:
        return ResendRefusal.NOT_LIVE
    return ResendRefusal.TOO_OFTEN if resent > RESENT_AN_HOUR else None
