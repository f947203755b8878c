"""The personal release moment: when an account may book what is released now (FAIRNESS.md).

    opens_at = release + 10 s + 20 s × HMAC-SHA-256(release key, account) / 2^64

Everybody who asks within ten seconds of the release is equal to the fastest program, and a rush
arrives spread over twenty seconds. Nothing is stored: every process computes the same moment.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

SECONDS_FOR_ALL = 10
SECONDS_SPREAD = 20


def opens_for(account_id: int, release: datetime, key: bytes) -> datetime:
    """Return the moment from which an account may book; to the millisecond, rounded up.

    `key`: the hospital's for the day of the release, which nobody outside can compute.
    """
    drawn = hmac.digest(key, account_id.to_bytes(8, "big"), "sha256")
    part = int.from_bytes(drawn[:8], "big") / 2**64
    milliseconds = int((SECONDS_FOR_ALL + SECONDS_SPREAD * part) * 1000) + 1
    return release + timedelta(milliseconds=milliseconds)
