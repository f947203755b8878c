"""The signature of a webhook: HMAC-SHA256 over timestamp, nonce and body.

Not Standard Webhooks' format, which other receivers would have to read (docs/decisions/0037).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_NONCE_BYTES = 16


def signed_headers(
    keys: Sequence[str], event_id: int, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the headers of an attempt; while a secret replaces another, both sign."""
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(_NONCE_BYTES)
    signatures = [signature(key, timestamp, nonce, body) for key in keys]
    return {
        "Guahao-Event": str(event_id),
        "Guahao-Timestamp": timestamp,
        "Guahao-Nonce": nonce,
        "Guahao-Signature": ",".join(f"v1={digits}" for digits in signatures),
    }


def signature(key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the signature in hexadecimal digits."""
    return hmac.digest(key.encode(), f"{timestamp}.{nonce}.".encode() + body, "sha256").hex()
