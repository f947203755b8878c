"""What a webhook is signed with: HMAC-SHA256 over timestamp, nonce and body."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_NONCE_BYTES = 16


def signed_headers(
    keys: Sequence[str], event_id: int, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers of one attempt. Two secrets while one replaces the other: two signatures."""
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(_NONCE_BYTES)
    signatures = [signature(key, timestamp, nonce, body) for key in keys]
    return {
        "Guahao-Event": str(event_id),
        "Guahao-Timestamp": timestamp,
        "Guahao-Nonce": nonce,
        "Guahao-Signature": ",".join(f"v1={one}" for one in signatures),
    }


def signature(key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """In hexadecimal digits."""
    return hmac.digest(key.encode(), f"{timestamp}.{nonce}.".encode() + body, "sha256").hex()
